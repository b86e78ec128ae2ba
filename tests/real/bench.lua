-- SPDX-License-Identifier: MIT
-- bench.lua [ROUNDS] - calls, closures, tables and strings in the mix of ordinary scripts. The default makes
-- about 90 million calls inside an interpreter built with -finstrument-functions.
local rounds = tonumber(arg[1]) or 204

local function fib(n)
	if n < 2 then
		return n
	end
	return fib(n - 1) + fib(n - 2)
end

local function sieve(n)
	local composite, count = {}, 0
	for i = 2, n do
		if not composite[i] then
			count = count + 1
			for j = i * i, n, i do
				composite[j] = true
			end
		end
	end
	return count
end

local function accumulate(n)
	local list = {}
	local function add(value)
		list[#list + 1] = value
		return #list
	end
	for i = 1, n do
		add(tostring(i) .. "x")
	end
	return #table.concat(list)
end

local function sort(n)
	local list, seed = {}, 7
	for i = 1, n do
		seed = (seed * 1103515245 + 12345) % 2147483648
		list[i] = seed
	end
	table.sort(list, function(a, b) return a < b end)
	return list[1]
end

local total = 0
for _ = 1, rounds do
	total = total + fib(18) + sieve(2000) + accumulate(2000) + sort(1000)
end
print(total)
