"""Run workers without the job endpoints: `python -m research_service.worker`.

Probes and metrics are served as in the complete service.
"""

from aip_common.server import main

from research_service.main import SERVICE, create_worker
from research_service.settings import WorkerSettings

if __name__ == "__main__":
    main(SERVICE, WorkerSettings, create_worker)
