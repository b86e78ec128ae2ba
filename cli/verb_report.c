/* SPDX-License-Identifier: MIT */
/* cli/verb_report.c - `autoprof report`: what a spool says, of a living process or a dead one. */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/render.h"
#include "cli/spools.h"

struct values {
	const char *dir, *debug_dir, *output, *callers, *callees;
	unsigned sort, top, tree;
	bool json, exclude, threads, debuginfod, remove, merge;
};

/* In the order of enum ap_report_sort. */
static const char *const sorts[] = {"self", "total", "calls", "avg", "p99", "max", "name", NULL};
_Static_assert(sizeof(sorts) / sizeof(sorts[0]) == AP_SORT_NAME + 2, "one name an order");

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"json", 'j', AP_OPTION_FLAG, AT(json), NULL, "JSON instead of text", NULL},
	{"output", 'o', AP_OPTION_TEXT, AT(output), "FILE",
	 "write to a file; its extension picks the format", NULL},
	{"sort", 's', AP_OPTION_CHOICE, AT(sort), "KEY",
	 "self, total, calls, avg, p99, max or name", sorts},
	{"top", 't', AP_OPTION_NUMBER, AT(top), "N", "rows of the function table (20; 0: default)",
	 NULL},
	{"thread", 'T', AP_OPTION_FLAG, AT(threads), NULL,
	 "every thread and process, not only the busiest", NULL},
	{"merge", 'm', AP_OPTION_FLAG, AT(merge), NULL, "one report of all of them", NULL},
	{"callers", 0, AP_OPTION_TEXT, AT(callers), "FUNCTION", "only the callers of a function",
	 NULL},
	{"callees", 0, AP_OPTION_TEXT, AT(callees), "FUNCTION", "only what a function calls", NULL},
	{"tree", 0, AP_OPTION_NUMBER, AT(tree), "DEPTH", "the call tree down to a depth", NULL},
	{"exclude-flags", 0, AP_OPTION_FLAG, AT(exclude), NULL,
	 "only gcc's flags to leave out what costs too much", NULL},
	{"dir", 'd', AP_OPTION_TEXT, AT(dir), "DIR", "where spools are looked for", NULL},
	{"debug-dir", 0, AP_OPTION_TEXT, AT(debug_dir), "DIR", "separate debug files are here too",
	 NULL},
	{"debuginfod", 0, AP_OPTION_FLAG, AT(debuginfod), NULL,
	 "ask the servers in DEBUGINFOD_URLS", NULL},
	{"delete", 0, AP_OPTION_FLAG, AT(remove), NULL,
	 "remove spools of dead processes afterwards", NULL},
	{0},
};
#undef AT

static struct ap_render make_render(const struct values *values, const char *spool)
{
	const bool to_file = values->output != NULL;
	const struct ap_writer *by_name = to_file ? ap_writer_for(values->output) : NULL;

	return (struct ap_render){
		.load = {.spool = spool, .symbols = {values->debug_dir, values->debuginfod}},
		.show =
			{
				.sort = (enum ap_report_sort)values->sort,
				.top = values->top,
				.threads = values->threads,
				.callers = values->callers,
				.callees = values->callees,
				.tree_depth = values->tree,
				.color = !to_file && ap_render_color(),
			},
		.writer = values->exclude ? &ap_writer_exclude
			  : values->json  ? &ap_writer_json
			  : by_name	  ? by_name
					  : &ap_writer_text,
	};
}

/* Of a dead process, and nobody else's to remove. */
static bool may_remove(const struct ap_store_entry *entry)
{
	return !entry->alive && !ap_store_is_held(entry->path);
}

static void print_header(const struct ap_store_entry *entry, bool first)
{
	printf("%s==> %s <==\n", first ? "" : "\n", entry->path);
}

static int report_one(const struct values *values, const struct ap_store_entry *entry)
{
	if (!entry->readable) {
		ap_spools_complain(entry);
		return -1;
	}
	const struct ap_render render = make_render(values, entry->path);
	int r = values->output ? ap_render_file(&render, values->output, false)
			       : ap_render(&render, stdout);
	if (r == 0 && values->remove && may_remove(entry)) {
		r = ap_store_discard(entry->path);
		if (r < 0) {
			ap_complain("cannot remove '%s': %s", entry->path, strerror(-r));
		}
	}
	return r;
}

static int remove_dead(const struct ap_store *store)
{
	int worst = 0;

	for (size_t i = 0; i < store->n; i++) {
		const int r = store->entries[i].readable && may_remove(&store->entries[i])
				      ? ap_store_discard(store->entries[i].path)
				      : 0;
		if (r < 0) {
			ap_complain("cannot remove '%s': %s", store->entries[i].path, strerror(-r));
			worst = r;
		}
	}
	return worst;
}

/* Return: 0, or -1 when one could not be read; the others are merged all the same. */
static int merge_all(const struct ap_store *store, struct ap_tree *tree)
{
	int worst = 0;

	for (size_t i = 0; i < store->n; i++) {
		const struct ap_store_entry *entry = &store->entries[i];
		if (!entry->readable) {
			ap_spools_complain(entry);
			worst = -1;
		} else if (ap_tree_add(tree, entry->path, AP_TREE_WAITS, NULL) < 0) {
			return -1;
		}
	}
	ap_tree_merge(tree);
	for (size_t i = 0; i < tree->spools_n; i++) {
		if (tree->spools[i].state == AP_TREE_FAILED) {
			ap_complain("cannot read '%s': %s", tree->spools[i].path,
				    tree->spools[i].problem);
			worst = -1;
		}
	}
	return worst;
}

static int report_merged(const struct values *values, const struct ap_store *store)
{
	struct ap_render render = make_render(values, NULL);
	struct ap_tree tree;
	char dir[PATH_MAX];

	if (ap_store_parent(store->entries[0].path, dir, sizeof(dir)) < 0) {
		return -1;
	}
	ap_tree_init(&tree, dir, 0);
	tree.keep_spools = true;
	render.load.tree = &tree;
	int worst = merge_all(store, &tree);
	int r = values->output ? ap_render_file(&render, values->output, false)
			       : ap_render(&render, stdout);
	if (r == 0 && worst == 0 && values->remove) {
		r = remove_dead(store);
	}
	ap_tree_clear(&tree);
	return r < 0 ? r : worst;
}

static int report_each(const struct values *values, const struct ap_store *store)
{
	int worst = 0;

	for (size_t i = 0; i < store->n; i++) {
		if (store->n > 1 && !values->json && !values->exclude && !values->output) {
			print_header(&store->entries[i], i == 0);
		}
		const int r = report_one(values, &store->entries[i]);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

static int report(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	struct ap_store store;
	int status = AP_EXIT_OK;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (ap_spools_find(argv + first, argc - first, values.dir, &store) < 0) {
		status = AP_EXIT_TROUBLE;
	} else {
		status = AP_EXIT_OK;
	}
	const int r = !store.n	     ? 0
		      : values.merge ? report_merged(&values, &store)
				     : report_each(&values, &store);
	status = r < 0 ? AP_EXIT_TROUBLE : status;
	ap_store_clear(&store);
	return status;
}

const struct ap_verb ap_verb_report = {
	.name = "report",
	.summary = "print the profile of a process, living or dead",
	.operands = "[SPOOL|PID|DIR...]",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = report,
};
