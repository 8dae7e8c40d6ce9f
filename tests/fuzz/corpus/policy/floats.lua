for i = "1", 2 do local x = i * 3 // 2 % 5 - -0 return { a = { x = i, b = { y = x } }, z = ~1 } end
