"""Small generators of seven GAN architectures, to make fresh synthetic images of known source."""
