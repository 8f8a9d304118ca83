"""Run the service: `python -m research_service`."""

from aip_common.server import main

from research_service.main import SERVICE, create_app
from research_service.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app)
