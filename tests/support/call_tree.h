/* SPDX-License-Identifier: MIT */
/* tests/support/call_tree.h - what is compared: calls, parent-to-child calls and call paths of a process. */
#ifndef AP_TESTS_SUPPORT_CALL_TREE_H
#define AP_TESTS_SUPPORT_CALL_TREE_H

#include <stddef.h>
#include <stdint.h>

/** An open-addressing map from a key that is not 0 to a number that begins as 0. */
struct number_map {
	uint64_t *keys;
	uint64_t *numbers;
	size_t slots, used;
};

/** number_map_at() - the number of @key, made when new; valid until the next call. */
uint64_t *number_map_at(struct number_map *map, uint64_t key);
/** number_map_get() - the number of @key, 0 when absent. */
uint64_t number_map_get(const struct number_map *map, uint64_t key);
void number_map_clear(struct number_map *map);

/* Names of functions are interned, so that both sides of a comparison speak of the same numbers. */
#define NAME_ROOT 1u   /* the parent of every first call of a thread */
#define NAME_DEEPER 2u /* "(deeper)" */
#define NAME_FIRST 3u

/** The names: a key that identifies, a label to print. */
struct names {
	char **keys;
	char **labels;
	size_t n;
	struct number_map by_hash;
};

void names_init(struct names *names);
/** name_of_key() - number of @key; @label (borrowed; may be NULL) is kept if it is the first. */
uint32_t name_of_key(struct names *names, const char *key, const char *label);
void names_clear(struct names *names);

#define TREE_ROOT 1u
#define TREE_DEEPER 2u

struct call_node {
	uint32_t parent; /* node */
	uint32_t name;
	uint32_t depth;
	uint64_t calls;
};

/** A call tree; node 0 is unused, parents come before children. */
struct call_tree {
	struct call_node *nodes;
	size_t n, room;
	struct number_map children;
};

void call_tree_init(struct call_tree *tree);
/** call_tree_child() - the node of @name below @parent, made when new. No rule is applied here. */
uint32_t call_tree_child(struct call_tree *tree, uint32_t parent, uint32_t name);
/** call_tree_find() - the same, 0 when absent. */
uint32_t call_tree_find(const struct call_tree *tree, uint32_t parent, uint32_t name);
void call_tree_clear(struct call_tree *tree);

/** Everything that is compared, over the same names. */
struct calls {
	struct number_map functions; /* by name */
	struct number_map
		edges; /* by EDGE_KEY; the parent of a direct recursion is its first caller */
	struct call_tree paths;
};
#define EDGE_KEY(parent, child) ((uint64_t)(parent) << 32 | (child))

void calls_init(struct calls *calls);
void calls_clear(struct calls *calls);
/** calls_print() - one line each, sorted by nothing: "function", "edge" and "path" lines. */
void calls_print(const struct calls *calls, const struct names *names);
/**
 * calls_compare() - print how @found differs from @expected, at most @most lines of each kind
 * Return: number of differing functions, edges and paths. */
size_t calls_compare(const struct calls *expected, const struct calls *found,
		     const struct names *names, size_t most);
/** calls_paths() - number of paths with calls. */
size_t calls_paths(const struct calls *calls);

/** must_realloc() - realloc() that ends the program for want of memory. */
void *must_realloc(void *old, size_t size);

#endif
