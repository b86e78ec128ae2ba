-- SPDX-License-Identifier: MIT
-- unwind.lua [ROUNDS] - errors and coroutines: Lua leaves C functions by longjmp, from many depths.
local rounds = tonumber(arg[1]) or 10

local function fail_at(depth, what)
	if depth == 0 then
		error(what, 0)
	end
	local result = fail_at(depth - 1, what)
	return result
end

local function errors()
	local caught = 0
	for depth = 1, 40 do
		local ok, what = pcall(fail_at, depth, "depth " .. depth)
		caught = caught + (ok and 0 or #what)
		-- through C: sort calls the comparator, gsub the replacement, tostring the metamethod
		ok = pcall(table.sort, { 3, 1, 2 }, function() return fail_at(3, {}) end)
		caught = caught + (ok and 0 or 1)
		ok = pcall(string.gsub, "a b c", "%w", function() return nil + depth end)
		caught = caught + (ok and 0 or 1)
		ok = pcall(tostring, setmetatable({}, { __tostring = function() return fail_at(2, "no") end }))
		caught = caught + (ok and 0 or 1)
		ok = pcall(load, function() error("no source") end)
		caught = caught + (ok and 0 or 1)
		caught = caught + (load("x = = 1") and 0 or 1)
	end
	return caught
end

local function rethrown(depth)
	if depth == 0 then
		error("bottom", 0)
	end
	local ok, what = pcall(rethrown, depth - 1)
	error(what .. depth % 10, 0)
end

local function coroutines()
	local sum = 0
	local function generate(n)
		return coroutine.wrap(function()
			for i = 1, n do
				coroutine.yield(i)
			end
		end)
	end
	for i in generate(200) do
		for j in generate(i % 5) do
			sum = sum + i * j
		end
	end
	local nested = coroutine.wrap(function()
		local ok, value = pcall(function()
			coroutine.yield(1)
			error(7, 0)
		end)
		coroutine.yield(value)
		table.sort({ 5, 4, 3 }, function(a, b) return a < b end)
		fail_at(3, "end")
	end)
	sum = sum + nested() + nested()
	local ok = pcall(nested)
	return sum + (ok and 0 or 1)
end

local total = 0
for _ = 1, rounds do
	local ok, what = pcall(rethrown, 30)
	total = total + errors() + coroutines() + #what + (ok and 1 or 0)
end
print(total)
