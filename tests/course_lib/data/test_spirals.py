import math

import torch

from course_lib.data.spirals import spirals


def test_without_noise_the_angle_follows_from_the_distance():
    points, labels = spirals(100, torch.Generator().manual_seed(0), turns=1.0, noise=0.0)
    distance = points.norm(dim=1)
    angle = torch.atan2(points[:, 1], points[:, 0])
    expected = 2 * math.pi * distance + math.pi * labels
    torch.testing.assert_close((angle - expected).cos(), torch.ones(100), atol=1e-4, rtol=0)
    assert labels.sum() == 50
