"""`python -m mmdiscover`."""

from mmdiscover.cli.main import main

if __name__ == "__main__":
    main()
