from matsmith.agents import AwaitingApproval as AwaitingApproval
from matsmith.agents import Decision as Decision
from matsmith.agents import PlanCheck as PlanCheck
from matsmith.agents import Point as Point
from matsmith.agents import RunCandidate as RunCandidate
from matsmith.agents import RunEvents as RunEvents
from matsmith.agents import RunResult as RunResult
from matsmith.agents import SavedRun as SavedRun
from matsmith.agents import ToolResult as ToolResult
from matsmith.agents import ask as ask
from matsmith.agents import design as design
from matsmith.agents import design_async as design_async
from matsmith.agents import design_events as design_events
from matsmith.agents import event_line as event_line
from matsmith.agents import my_runs as my_runs
from matsmith.agents import open_run as open_run
from matsmith.agents import plan as plan
from matsmith.agents import plan_objective as plan_objective
from matsmith.agents import release_worker as release_worker
from matsmith.agents import resume as resume
from matsmith.agents import resume_events as resume_events
from matsmith.agents import run_tool as run_tool
from matsmith.agents import tool_help as tool_help
from matsmith.agents import tool_names as tool_names

__version__: str
