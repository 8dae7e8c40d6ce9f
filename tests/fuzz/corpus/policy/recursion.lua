local function f(n, ...) return f(n + 1, n) end
local function g(n) return 1 + g(n) end
return g(f(1))
