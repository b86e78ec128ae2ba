-- SPDX-License-Identifier: MIT
-- scripts/demo.lua - work for a Lua interpreter: reads texts, counts, sorts and formats.
-- usage: lua demo.lua FILE...

-- How often each word occurs in the files: string matching and tables.
local function count_words(paths)
  local counts, total = {}, 0
  for _, path in ipairs(paths) do
    local file <close> = assert(io.open(path))
    for line in file:lines() do
      for word in line:gmatch("%a[%w_]*") do
        counts[word] = (counts[word] or 0) + 1
        total = total + 1
      end
    end
  end
  return counts, total
end

-- The most frequent words first: a sort with a comparison written in Lua.
local function ranked(counts)
  local words = {}
  for word in pairs(counts) do
    words[#words + 1] = word
  end
  table.sort(words, function(a, b)
    if counts[a] ~= counts[b] then
      return counts[a] > counts[b]
    end
    return a < b
  end)
  return words
end

-- Trees made and dropped: the garbage collector.
local function make_tree(depth)
  if depth == 0 then
    return {}
  end
  return { make_tree(depth - 1), make_tree(depth - 1) }
end

local function count_nodes(tree)
  if not tree[1] then
    return 1
  end
  return 1 + count_nodes(tree[1]) + count_nodes(tree[2])
end

local counts, total = count_words(arg)
local words = ranked(counts)
print(("%d words, %d different; the most frequent:"):format(total, #words))
for i = 1, math.min(5, #words) do
  print(("  %-12s %6d"):format(words[i], counts[words[i]]))
end
local nodes = 0
for _ = 1, 100 do
  nodes = nodes + count_nodes(make_tree(12))
end
print(("%d nodes in 100 trees"):format(nodes))
