local t = { [1] = 2, [true] = 3, ["a.x"] = 1, a = { x = "1", b = print }, z = -6 }
t.a.b = t
return t, t
