"""The judging kernel, which graders and learners share: plain data in, probes, outcomes, and one verdict on them."""
