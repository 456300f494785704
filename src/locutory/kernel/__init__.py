"""What every module stands on; knows no product and no vendor."""
