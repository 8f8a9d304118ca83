"""Run the service: `python -m agent_service`."""

from aip_common.server import main

from agent_service.main import SERVICE, create_app
from agent_service.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app)
