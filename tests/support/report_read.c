/* SPDX-License-Identifier: MIT */
/* tests/support/report_read.c - the part of a report that the oracle can judge. */
#include "tests/support/report_read.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MISNAMED 8u /* are printed */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	return json_is_integer(number) ? json_integer_value(number) : -1;
}

static bool is_real(const json_t *function)
{
	return text_of(function, "name")[0] != '(' || text_of(function, "module")[0] != '\0';
}

static enum oracle_naming naming_of(const json_t *functions)
{
	size_t i;
	const json_t *function;
	json_array_foreach(functions, i, function)
	{
		if (is_real(function) && !json_is_string(json_object_get(function, "offset"))) {
			return ORACLE_BY_NAME;
		}
	}
	return ORACLE_BY_OFFSET;
}

/* A report names a module as the program loaded it, which may be a link to the file in the map. */
static const struct oracle_module *module_called(const struct oracle_run *run, const char *name)
{
	char path[PATH_MAX], real[PATH_MAX];
	for (size_t i = 0; i < run->modules.modules_n; i++) {
		const struct oracle_module *module = &run->modules.modules[i];
		const int directory = (int)(oracle_module_name(module) - module->path);
		snprintf(path, sizeof(path), "%.*s%s", directory, module->path, name);
		if (realpath(path, real) && strcmp(real, module->path) == 0) {
			return module;
		}
	}
	return NULL;
}

static uint32_t name_of_entry(struct report_claims *claims, const json_t *function,
			      const struct oracle_run *run, struct names *names)
{
	static char key[65536], label[65536];
	const char *name = text_of(function, "name"), *module = text_of(function, "module");
	if (!is_real(function)) {
		return name_of_key(names, name, NULL);
	}
	const struct oracle_module *from = module_called(run, module);
	if (from) {
		module = oracle_module_name(from);
	}
	oracle_key_name(label, sizeof(label), module, name);
	if (claims->naming == ORACLE_BY_NAME) {
		return name_of_key(names, label, label);
	}
	const uint64_t offset = strtoull(text_of(function, "offset"), NULL, 16);
	const struct oracle_place place = {module, offset, NULL, from};
	if (!oracle_place_is_called(&place, name)) {
		if (claims->misnamed++ < MOST_MISNAMED) {
			printf("  misnamed: %s at 0x%" PRIx64 "\n", label, offset);
		}
	}
	oracle_key_offset(key, sizeof(key), module, offset);
	return name_of_key(names, key, label);
}

static void read_quality(struct report_claims *claims, const json_t *quality)
{
	const json_t *events = json_object_get(quality, "events");
	const json_t *dropped = json_object_get(events, "dropped");
	const json_t *holds = json_object_get(quality, "identity_holds");
	const char *reason;
	json_t *n;
	claims->attempted = number_of(events, "attempted");
	claims->specials = number_of(events, "specials");
	claims->folds = number_of(quality, "folds");
	claims->identity_holds = json_is_boolean(holds) ? json_is_true(holds) : -1;
	json_object_foreach((json_t *)dropped, reason, n)
	{
		claims->dropped += json_integer_value(n);
	}
}

/** The call tree of the report by its ids, in any order. */
struct entries {
	const json_t **by_id;
	uint32_t *node_of;
	size_t n;
	const uint32_t *name_of; /* by function index */
	size_t functions_n;
};

static uint32_t node_of_entry(struct report_claims *claims, struct entries *e, long long id)
{
	if (id < 0 || (size_t)id >= e->n || !e->by_id[id]) {
		return TREE_ROOT;
	}
	if (e->node_of[id]) {
		return e->node_of[id];
	}
	const long long function = number_of(e->by_id[id], "function");
	const uint32_t name = function >= 0 && (size_t)function < e->functions_n
				      ? e->name_of[function]
				      : NAME_ROOT;
	e->node_of[id] = TREE_ROOT; /* ends a circle */
	if (name == NAME_DEEPER) {
		e->node_of[id] = TREE_DEEPER;
	} else if (name != NAME_ROOT) {
		const uint32_t parent = node_of_entry(claims, e, number_of(e->by_id[id], "parent"));
		e->node_of[id] = call_tree_child(&claims->calls.paths, parent, name);
	}
	return e->node_of[id];
}

static void add_entry(struct report_claims *claims, struct entries *e, long long id)
{
	const long long calls = number_of(e->by_id[id], "calls");
	const uint32_t node = node_of_entry(claims, e, id);
	if (calls <= 0) {
		return;
	}
	struct call_node *nodes = claims->calls.paths.nodes;
	nodes[node].calls += (uint64_t)calls;
	if (nodes[node].parent) {
		*number_map_at(&claims->calls.edges, EDGE_KEY(nodes[nodes[node].parent].name,
							      nodes[node].name)) += (uint64_t)calls;
	}
}

static void read_tree(struct report_claims *claims, const json_t *tree, const uint32_t *name_of,
		      size_t functions_n)
{
	struct entries e = {.name_of = name_of, .functions_n = functions_n};
	size_t i;
	const json_t *entry;
	json_array_foreach(tree, i, entry)
	{
		const long long id = number_of(entry, "id");
		e.n = id >= 0 && (size_t)id >= e.n ? (size_t)id + 1 : e.n;
	}
	e.by_id = must_realloc(NULL, (e.n + 1) * sizeof(*e.by_id));
	e.node_of = must_realloc(NULL, (e.n + 1) * sizeof(*e.node_of));
	memset(e.by_id, 0, (e.n + 1) * sizeof(*e.by_id));
	memset(e.node_of, 0, (e.n + 1) * sizeof(*e.node_of));
	json_array_foreach(tree, i, entry)
	{
		if (number_of(entry, "id") >= 0) {
			e.by_id[number_of(entry, "id")] = entry;
		}
	}
	for (size_t id = 0; id < e.n; id++) {
		if (e.by_id[id]) {
			add_entry(claims, &e, (long long)id);
		}
	}
	free(e.by_id);
	free(e.node_of);
}

static void read_functions(struct report_claims *claims, const json_t *functions,
			   const struct oracle_run *run, struct names *names, uint32_t *name_of)
{
	size_t i;
	const json_t *function;
	json_array_foreach(functions, i, function)
	{
		name_of[i] = name_of_entry(claims, function, run, names);
		const long long calls = number_of(function, "calls");
		if (calls > 0 && is_real(function)) {
			*number_map_at(&claims->calls.functions, name_of[i]) += (uint64_t)calls;
		}
	}
}

int report_read(struct report_claims *claims, const char *path, const struct oracle_run *run,
		struct names *names)
{
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);
	*claims = (struct report_claims){0};
	calls_init(&claims->calls);
	if (!report || strcmp(text_of(report, "schema"), "autoprof-report/1") != 0) {
		fprintf(stderr, "ap-compare: '%s' is no report: %s\n", path,
			report ? "wrong schema" : error.text);
		json_decref(report);
		return -1;
	}
	const json_t *functions = json_object_get(report, "functions");
	const size_t n = json_array_size(functions);
	uint32_t *name_of = must_realloc(NULL, (n + 1) * sizeof(*name_of));
	claims->naming = naming_of(functions);
	read_quality(claims, json_object_get(report, "quality"));
	read_functions(claims, functions, run, names, name_of);
	read_tree(claims, json_object_get(report, "call_tree"), name_of, n);
	free(name_of);
	json_decref(report);
	return 0;
}

void report_claims_clear(struct report_claims *claims)
{
	calls_clear(&claims->calls);
}
