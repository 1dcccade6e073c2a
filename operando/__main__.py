"""`python -m operando`."""

from operando.cli import main

if __name__ == "__main__":
    main()
