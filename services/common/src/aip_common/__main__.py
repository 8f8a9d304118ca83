"""Run the service that the image was built for: `python -m aip_common`, the same command in every image."""

import os
import runpy

if __name__ == "__main__":
    module = os.environ.get("SERVICE_MODULE")
    if not module:
        raise SystemExit(
            "SERVICE_MODULE is not set: the images set it; elsewhere run `python -m <module>` itself"
        )
    runpy.run_module(module, run_name="__main__", alter_sys=True)
