"""``python -m shoal.distributed.sim``: run seeds, or tell the story of one."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from shoal.distributed.sim.world import SimulationError, run


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line says; 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m shoal.distributed.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the seed, or the first of several")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--trace", action="store_true", help="tell everything that happens")
    parser.add_argument("--check-every", type=int, default=1, help="turns between two validations")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a failing seed")
    options = parser.parse_args(arguments)
    start = time.process_time()
    failed = turns = 0
    for seed in range(options.seed, options.seed + options.count):
        try:
            turns += run(seed, check_every=options.check_every, trace=options.trace).turns
        except SimulationError as error:
            failed += 1
            if options.count == 1 and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            sys.stderr.write(f"{error}\n")
            if not options.keep_going:
                return 1
    seconds = time.process_time() - start
    sys.stdout.write(
        f"{options.count} seeds, {failed} failed; {turns:,} turns, {seconds:.1f} s CPU\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
