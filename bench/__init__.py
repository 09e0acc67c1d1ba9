"""What virtscope costs, as ratios against bare Unicorn and QEMU in one run: `make bench`. Not distributed."""
