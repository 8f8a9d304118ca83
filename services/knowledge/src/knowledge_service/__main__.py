"""Run the service: `python -m knowledge_service`."""

from aip_common.server import main

from knowledge_service.main import SERVICE, create_app
from knowledge_service.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app)
