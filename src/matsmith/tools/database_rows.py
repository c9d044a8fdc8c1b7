"""What a database answered, as the outcome of a tool: rows as facts, never as quantities that a verdict could rest on."""

from __future__ import annotations

from pydantic import Field, JsonValue, ValidationError

from matsmith.core.errors import MatsmithError, ToolError
from matsmith.core.quantity import Interval
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.database_query import LARGEST_LIMIT, DatabaseAnswer, DatabaseQuery
from matsmith.tools.base import Args


class DatabaseArgs(Args):
    """What is wanted of a database; bounds are in the registry's units."""

    formula: str = Field(default="", description="a formula, such as Fe2O3")
    elements: list[str] = Field(default_factory=list[str], description="elements that must occur")
    only: bool = Field(default=False, description="whether no other elements may occur")
    excluded: list[str] = Field(default_factory=list[str], description="elements that must not occur")
    elements_min: int = Field(default=1, ge=1, le=20, description="least number of elements")
    elements_max: int = Field(default=20, ge=1, le=20, description="largest number of elements")
    stable: bool = Field(default=False, description="only entries on the database's own convex hull")
    at_least: dict[str, float] = Field(
        default_factory=dict[str, float], description="property -> lower bound"
    )
    at_most: dict[str, float] = Field(default_factory=dict[str, float], description="property -> upper bound")
    space_groups: list[int] = Field(default_factory=list[int], description="numbers of allowed space groups")
    properties: list[str] = Field(default_factory=list[str], description="properties to return")
    limit: int = Field(default=20, ge=1, le=LARGEST_LIMIT, description="most entries to return")

    def query(self) -> DatabaseQuery:
        """The typed query. Raises `ToolError` that says what is wrong with it."""
        names = dict.fromkeys([*self.at_least, *self.at_most])
        try:
            bounds = {
                name: Interval(
                    **({"low": self.at_least[name]} if name in self.at_least else {}),
                    **({"high": self.at_most[name]} if name in self.at_most else {}),
                )
                for name in names
            }
            return DatabaseQuery(
                formula=self.formula,
                elements=tuple(self.elements),
                only=self.only,
                excluded=tuple(self.excluded),
                elements_min=self.elements_min,
                elements_max=self.elements_max,
                stable=self.stable,
                bounds=bounds,
                space_groups=tuple(self.space_groups),
                properties=tuple(self.properties),
                limit=self.limit,
            )
        except ValidationError as error:
            raise ToolError(f"The query cannot be asked: {error.errors()[0]['msg']}.") from error


def outcome_of(answer: DatabaseAnswer) -> Outcome:
    """The rows with their date, licence and citation. An answer without rows is one too."""
    rows: list[JsonValue] = [
        {
            "id": row.id,
            "formula": row.formula,
            "space_group": row.space_group_symbol or row.space_group,
            "values": dict(row.values),
            "labels": dict(row.labels),
        }
        for row in answer.rows
    ]
    return Outcome(
        facts={
            "database": answer.database,
            "rows": rows,
            "available": answer.available,
            "date": answer.date,
            "licence": answer.licence,
            "request": answer.request,
        },
        method=Method(name=f"query of {answer.database}", reference=answer.citation),
        warnings=answer.notes,
    )


def failed(error: MatsmithError) -> Outcome:
    """The typed failure of a query that could not be answered."""
    return Outcome.failed("service_failed", error.message, hint=error.hint, retryable=error.retryable)
