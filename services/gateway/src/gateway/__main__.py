"""Run the service: `python -m gateway`."""

from aip_common.server import main

from gateway.main import SERVICE, create_app
from gateway.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app)
