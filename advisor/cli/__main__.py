"""`python -m advisor.cli`."""

from advisor.cli import main

if __name__ == "__main__":  # worker processes import this module, too
    main()
