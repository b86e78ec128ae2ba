/* SPDX-License-Identifier: MIT */
/* tests/support/call_tree.c - containers and comparison of calls, edges and paths. */
#include "tests/support/call_tree.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_realloc(void *old, size_t size)
{
	void *new = realloc(old, size);
	if (!new &&size > 0) {
		fputs("ap-compare: out of memory\n", stderr);
		exit(2);
	}
	return new;
}

static size_t home(uint64_t key, size_t slots)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ull) >> 20) & (slots - 1);
}

static size_t probe(const struct number_map *map, uint64_t key)
{
	size_t i = home(key, map->slots);
	while (map->keys[i] && map->keys[i] != key) {
		i = (i + 1) & (map->slots - 1);
	}
	return i;
}

static void grow(struct number_map *map)
{
	const struct number_map old = *map;
	map->slots = old.slots ? old.slots * 2 : 64;
	map->keys = must_realloc(NULL, map->slots * sizeof(*map->keys));
	map->numbers = must_realloc(NULL, map->slots * sizeof(*map->numbers));
	memset(map->keys, 0, map->slots * sizeof(*map->keys));
	for (size_t i = 0; i < old.slots; i++) {
		if (old.keys[i]) {
			const size_t to = probe(map, old.keys[i]);
			map->keys[to] = old.keys[i];
			map->numbers[to] = old.numbers[i];
		}
	}
	free(old.keys);
	free(old.numbers);
}

uint64_t *number_map_at(struct number_map *map, uint64_t key)
{
	if (map->used * 2 >= map->slots) {
		grow(map);
	}
	const size_t i = probe(map, key);
	if (!map->keys[i]) {
		map->keys[i] = key;
		map->numbers[i] = 0;
		map->used++;
	}
	return &map->numbers[i];
}

uint64_t number_map_get(const struct number_map *map, uint64_t key)
{
	if (map->slots == 0) {
		return 0;
	}
	const size_t i = probe(map, key);
	return map->keys[i] ? map->numbers[i] : 0;
}

void number_map_clear(struct number_map *map)
{
	free(map->keys);
	free(map->numbers);
	*map = (struct number_map){0};
}

static uint64_t hash_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (; *text; text++) {
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	}
	return h ? h : 1;
}

static uint32_t add_name(struct names *names, const char *key, const char *label)
{
	names->keys = must_realloc(names->keys, (names->n + 1) * sizeof(*names->keys));
	names->labels = must_realloc(names->labels, (names->n + 1) * sizeof(*names->labels));
	names->keys[names->n] = strdup(key);
	names->labels[names->n] = strdup(label ? label : key);
	return (uint32_t)names->n++;
}

void names_init(struct names *names)
{
	*names = (struct names){0};
	add_name(names, "", "");
	name_of_key(names, "(root)", NULL);
	name_of_key(names, "(deeper)", NULL);
}

uint32_t name_of_key(struct names *names, const char *key, const char *label)
{
	uint64_t hash = hash_of(key);
	for (;; hash = hash + 1 ? hash + 1 : 1) {
		uint64_t *name = number_map_at(&names->by_hash, hash);
		if (*name == 0) {
			*name = add_name(names, key, label);
			return (uint32_t)*name;
		}
		if (strcmp(names->keys[*name], key) == 0) {
			return (uint32_t)*name;
		}
	}
}

void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		free(names->keys[i]);
		free(names->labels[i]);
	}
	free(names->keys);
	free(names->labels);
	number_map_clear(&names->by_hash);
	*names = (struct names){0};
}

static uint32_t add_node(struct call_tree *tree, uint32_t parent, uint32_t name)
{
	if (tree->n == tree->room) {
		tree->room = tree->room ? tree->room * 2 : 256;
		tree->nodes = must_realloc(tree->nodes, tree->room * sizeof(*tree->nodes));
	}
	tree->nodes[tree->n] =
		(struct call_node){.parent = parent,
				   .name = name,
				   .depth = parent ? tree->nodes[parent].depth + 1 : 0};
	return (uint32_t)tree->n++;
}

void call_tree_init(struct call_tree *tree)
{
	*tree = (struct call_tree){0};
	add_node(tree, 0, 0);
	add_node(tree, 0, NAME_ROOT);
	add_node(tree, 0, NAME_DEEPER);
}

uint32_t call_tree_child(struct call_tree *tree, uint32_t parent, uint32_t name)
{
	uint64_t *node = number_map_at(&tree->children, EDGE_KEY(parent, name));
	if (*node == 0) {
		*node = add_node(tree, parent, name);
	}
	return (uint32_t)*node;
}

uint32_t call_tree_find(const struct call_tree *tree, uint32_t parent, uint32_t name)
{
	return (uint32_t)number_map_get(&tree->children, EDGE_KEY(parent, name));
}

void call_tree_clear(struct call_tree *tree)
{
	free(tree->nodes);
	number_map_clear(&tree->children);
	*tree = (struct call_tree){0};
}

void calls_init(struct calls *calls)
{
	*calls = (struct calls){0};
	call_tree_init(&calls->paths);
}

void calls_clear(struct calls *calls)
{
	number_map_clear(&calls->functions);
	number_map_clear(&calls->edges);
	call_tree_clear(&calls->paths);
}

size_t calls_paths(const struct calls *calls)
{
	size_t n = 0;
	for (size_t i = 1; i < calls->paths.n; i++) {
		n += calls->paths.nodes[i].calls > 0;
	}
	return n;
}

/* The last @most calls, shortened, or all of them whole. */
static void print_path(const struct call_tree *tree, uint32_t node, const struct names *names,
		       unsigned most)
{
	if (tree->nodes[node].parent && most == 0) {
		fputs("...;", stdout);
	} else if (tree->nodes[node].parent) {
		print_path(tree, tree->nodes[node].parent, names,
			   most == UINT_MAX ? most : most - 1);
		putchar(';');
	}
	const char *label = names->labels[tree->nodes[node].name];
	printf(most == UINT_MAX ? "%s" : "%.60s", label);
}

void calls_print(const struct calls *calls, const struct names *names)
{
	const struct number_map *maps[] = {&calls->functions, &calls->edges};
	for (int edges = 0; edges < 2; edges++) {
		for (size_t i = 0; i < maps[edges]->slots; i++) {
			const uint64_t key = maps[edges]->keys[i], n = maps[edges]->numbers[i];
			if (n == 0) {
				continue; /* inherited by a forked child: no calls of its own */
			}
			if (edges) {
				printf("edge %s -> %s %llu\n", names->labels[key >> 32],
				       names->labels[(uint32_t)key], (unsigned long long)n);
			} else {
				printf("function %s %llu\n", names->labels[key],
				       (unsigned long long)n);
			}
		}
	}
	for (uint32_t i = 1; i < calls->paths.n; i++) {
		if (calls->paths.nodes[i].calls) {
			fputs("path ", stdout);
			print_path(&calls->paths, i, names, UINT_MAX);
			printf(" %llu\n", (unsigned long long)calls->paths.nodes[i].calls);
		}
	}
}

/** Where the differences are counted and the first of each kind printed. */
struct differences {
	const struct names *names;
	size_t n, of_kind, most;
};

static bool note(struct differences *d, uint64_t expected, uint64_t found)
{
	if (expected == found) {
		return false;
	}
	d->n++;
	if (d->of_kind++ >= d->most) {
		return false;
	}
	printf("  differs: expected %llu, found %llu: ", (unsigned long long)expected,
	       (unsigned long long)found);
	return true;
}

static void note_key(struct differences *d, uint64_t key, uint64_t expected, uint64_t found)
{
	if (!note(d, expected, found)) {
		return;
	}
	if (key >> 32) {
		printf("edge %.90s -> %.90s\n", d->names->labels[key >> 32],
		       d->names->labels[(uint32_t)key]);
	} else {
		printf("function %s\n", d->names->labels[key]);
	}
}

static void compare_maps(struct differences *d, const struct number_map *expected,
			 const struct number_map *found)
{
	d->of_kind = 0;
	for (size_t i = 0; i < expected->slots; i++) {
		const uint64_t key = expected->keys[i];
		if (key) {
			note_key(d, key, expected->numbers[i], number_map_get(found, key));
		}
	}
	for (size_t i = 0; i < found->slots; i++) {
		const uint64_t key = found->keys[i];
		if (key && number_map_get(expected, key) == 0) {
			note_key(d, key, 0, found->numbers[i]);
		}
	}
}

/* Parents come before children, so one pass finds each node's twin, or 0, from its parent's. */
static void compare_paths(struct differences *d, const struct call_tree *a,
			  const struct call_tree *b, bool a_expected)
{
	uint32_t *twins = must_realloc(NULL, a->n * sizeof(*twins));
	twins[0] = 0;
	for (uint32_t i = 1; i < a->n; i++) {
		const struct call_node *node = &a->nodes[i];
		const uint32_t above = twins[node->parent];
		twins[i] = i < TREE_DEEPER + 1 ? i
			   : above	       ? call_tree_find(b, above, node->name)
					       : 0;
		const uint64_t other = twins[i] ? b->nodes[twins[i]].calls : 0;
		if (!a_expected && twins[i]) {
			continue; /* compared from the other side */
		}
		if (a_expected ? note(d, node->calls, other) : note(d, 0, node->calls)) {
			fputs("path ", stdout);
			print_path(a, i, d->names, 5);
			putchar('\n');
		}
	}
	free(twins);
}

size_t calls_compare(const struct calls *expected, const struct calls *found,
		     const struct names *names, size_t most)
{
	struct differences d = {.names = names, .most = most};
	compare_maps(&d, &expected->functions, &found->functions);
	compare_maps(&d, &expected->edges, &found->edges);
	d.of_kind = 0;
	compare_paths(&d, &expected->paths, &found->paths, true);
	compare_paths(&d, &found->paths, &expected->paths, false);
	return d.n;
}
