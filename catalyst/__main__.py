"""``python -m catalyst``: the command line."""

from catalyst.cli.start import main

if __name__ == "__main__":
    main()
