"""Grade on a SLURM cluster: start the workers as jobs, grade, and end them.

pip install dask-jobqueue -c constraints.txt
python deploy/slurm.py submitted/ --seed 7          # all options but --scheduler are those of `autograder grade`

Set the queue, the walltime and the cores below for your site. The course must lie where every node sees it.
"""

import sys

from dask_jobqueue import SLURMCluster

from autograder.cli import main

JOBS, CORES = 16, 8

if __name__ == "__main__":
    cluster = SLURMCluster(
        queue="short",
        walltime="01:00:00",
        cores=CORES,
        processes=1,  # with a thread for each core: they share one warm parent
        memory=f"{2 * CORES + 2}GB",
        job_script_prologue=["export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"],
        worker_extra_args=["--memory-limit", "0"],
    )
    with cluster:
        cluster.scale(jobs=JOBS)
        cluster.wait_for_workers(CORES)
        sys.exit(main(["grade", *sys.argv[1:], "--scheduler", cluster.scheduler_address]))
