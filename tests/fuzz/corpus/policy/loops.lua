local t = {}
local n = 0
while true do n = n + 1 t["k" .. n] = { n, n } t["k" .. n // 2] = nil end
