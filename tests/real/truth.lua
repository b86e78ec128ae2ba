-- SPDX-License-Identifier: MIT
-- truth.lua [ROUNDS] - works most of the interpreter, the same way every time: no time, no addresses, and
-- nothing that leaves a C function by longjmp (errors, coroutines), so that every call has its exit.
local rounds = tonumber(arg[1]) or 10

local seed = 42
local function random(n)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed // 65536 % n
end

local function fib(n)
	if n < 2 then
		return n
	end
	return fib(n - 1) + fib(n - 2)
end

local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, Point) end
Point.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Point.__lt = function(a, b) return a.x < b.x end
Point.__tostring = function(p) return "(" .. p.x .. "," .. p.y .. ")" end
Point.__call = function(p, k) return p.x * k end
Point.__len = function(p) return p.x + p.y end
Point.__concat = function(a, b) return tostring(a) .. tostring(b) end

local function points()
	local list, sum = {}, setmetatable({ x = 0, y = 0 }, Point)
	for i = 1, 200 do
		list[i] = setmetatable({ x = random(1000), y = i }, Point)
		sum = sum + list[i]
	end
	table.sort(list)
	return #sum + list[1](3) + (list[1] == list[2] and 1 or 0) + #(list[1] .. list[200])
end

local function strings()
	local parts = {}
	for i = 1, 300 do
		parts[#parts + 1] = string.format("%d:%s:%5.2f", i, ("x"):rep(random(20)), i / 3)
	end
	local text = table.concat(parts, ";")
	local count = 0
	text:gsub("(%d+):(x*)", function(number, xs)
		count = count + #xs + tonumber(number)
		return xs:upper()
	end)
	for word in text:gmatch("[^;]+") do
		count = count + (word:find("99", 1, true) or 0) + word:byte()
	end
	return count + #text:reverse():sub(10, -10)
end

local function closures()
	local counters = {}
	for i = 1, 200 do
		local n = i
		counters[i] = function(step) n = n + step; return n end
	end
	local sum = 0
	for round = 1, 5 do
		for _, counter in ipairs(counters) do
			sum = sum + counter(round)
		end
	end
	return sum
end

-- pcall without an error: C and Lua in turn, deep enough for the longest paths
local function nest(depth)
	if depth == 0 then
		return 0
	end
	local ok, value = pcall(nest, depth - 1)
	return ok and value + 1
end

local function sorted(n)
	local list = {}
	for i = 1, n do
		list[i] = random(100000)
	end
	table.sort(list, function(a, b) return a > b end)
	return list[1] - list[n]
end

local function compiled()
	local source = {}
	for i = 1, 60 do
		source[i] = ("local v%d = %d * (2 + %d) // 3 if v%d > 5 then v%d = -v%d end"):format(i, i, i, i, i, i)
	end
	local chunk = load(table.concat(source, "\n") .. "\nreturn v60")
	return chunk() + #string.dump(chunk)
end

local function garbage()
	local keep = setmetatable({}, { __mode = "v" })
	for i = 1, 500 do
		keep[i] = { i, tostring(i), { i } }
	end
	collectgarbage()
	local live = 0
	for _ in pairs(keep) do
		live = live + 1
	end
	return live
end

local total = 0
for _ = 1, rounds do
	total = total + fib(15) + points() + strings() + closures() + nest(150) + sorted(1000) + compiled() + garbage()
end
print(total)
