"""What holds for the repository as a whole: layers, sizes, plug points, documents."""
