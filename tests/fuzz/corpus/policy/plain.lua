return { a = { x = 1, b = { y = -2 } }, z = 3 }
