"""What services know about a paper: Crossref, OpenAlex, Semantic Scholar and arXiv, asked only when a user wants it."""

from matsmith.knowledge.literature.metadata.look_up import LookUp, look_up, services_from
from matsmith.knowledge.literature.metadata.work import MetadataService, Work

__all__ = ["LookUp", "MetadataService", "Work", "look_up", "services_from"]
