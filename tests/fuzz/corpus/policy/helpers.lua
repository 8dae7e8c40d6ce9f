-- Helpers, lists, both kinds of comments, every kind of text.
local function bits(n) local b = 0 while 1 << b < n do b = b + 1 end return b end
--[==[ long ]] comment ]==]
local names <const> = { "a\n", 'b\'', [[c]], [=[]]]=] }
local t = {}
for i, v in ipairs(names) do t[v] = i * 0x10 // 3 % 7 end
local sum = 0
for _, k in ipairs(sorted_keys(t)) do sum = sum ~ t[k] << 2 end
table.insert(names, string.upper("z") .. string.sub("abc", 2))
table.sort(names)
goto out
do sum = 0 end
::out::
assert(len(names) == 5 and type(t) == "table", "names")
local s = table.concat({ 1, "x", tostring(-5) }, ",")
return { a = { x = bits(1000), b = { y = sum + string.len(s) } }, z = math.max(-5, tonumber("2")) }
