"""The agent's own metrics."""

from prometheus_client import Counter, Histogram

RUNS = Counter("aip_agent_runs_total", "Runs by how they ended", ["outcome"])
STEPS = Histogram("aip_agent_steps", "Rounds of tool calls in a run", buckets=range(9))
TOOL_CALLS = Counter("aip_agent_tool_calls_total", "Calls of tools by how they ended", ["tool", "outcome"])
