"""``python3 -m airgap``."""

import sys

if __name__ == "__main__":
    try:
        from airgap.cli import main

        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # before, or after, there was anything to interrupt
        sys.exit(130)
