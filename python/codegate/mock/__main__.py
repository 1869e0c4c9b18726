"""python -m codegate.mock"""

import sys

from codegate.mock.serve import read_options, serve

if __name__ == "__main__":
    sys.exit(serve(read_options(sys.argv[1:])))
