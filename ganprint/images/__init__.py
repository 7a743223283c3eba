"""Images in: what the user named to paths, bytes to RGB, RGB to views.

`ganprint.images.views` is not imported here: it needs torch, and reading does not.
"""

from ganprint.images.find import find_images as find_images
from ganprint.images.limits import DEFAULT_MAX_PIXELS as DEFAULT_MAX_PIXELS
from ganprint.images.read import ImageFile as ImageFile
from ganprint.images.read import read_image as read_image
