"""Run the service: `python -m assistant_service`."""

from aip_common.server import main

from assistant_service.main import SERVICE, create_app
from assistant_service.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app)
