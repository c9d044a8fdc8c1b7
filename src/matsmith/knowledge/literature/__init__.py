"""Literature: documents read, cut into passages, kept, found again, and quoted word for word with their place."""

from matsmith.knowledge.literature.documents import (
    PageSpan,
    Passage,
    SectionSpan,
    SourceDocument,
    Table,
    document_id,
    normalise_text,
)
from matsmith.knowledge.literature.index import LiteratureIndex, verify_quote
from matsmith.knowledge.literature.notes import built_in_documents, split_note
from matsmith.knowledge.literature.tokenizer import is_formula, tokenize

__all__ = [
    "LiteratureIndex",
    "PageSpan",
    "Passage",
    "SectionSpan",
    "SourceDocument",
    "Table",
    "built_in_documents",
    "document_id",
    "is_formula",
    "normalise_text",
    "split_note",
    "tokenize",
    "verify_quote",
]
