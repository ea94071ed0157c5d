"""The course's figures."""

import logging

# matplotlib makes its list of fonts once on each computer, and a slow one would greet a learner with a red box about it
logging.getLogger("matplotlib.font_manager").addFilter(lambda said: "building the font cache" not in said.getMessage())
