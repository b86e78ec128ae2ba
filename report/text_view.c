/* SPDX-License-Identifier: MIT */
/* report/text_view.c - views that are printed alone: callers, callees, the call tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/text_sections.h"
#include "report/units.h"

#define SUGGESTIONS 5
#define MAX_INDENT 30
#define LONGEST_PATH (AP_MAX_PATH_DEPTH + 8) /* the runtime makes no longer ones */

/* "parse" means parse and every parse(...). */
static bool is_named(const struct ap_symbol *symbol, const char *wanted)
{
	const size_t n = strlen(wanted);

	if (strncmp(symbol->name, wanted, n) == 0 &&
	    (symbol->name[n] == '\0' || symbol->name[n] == '('))
		return true;
	return symbol->linkage_name && strcmp(symbol->linkage_name, wanted) == 0;
}

static void put_unknown(struct ap_text_page *page, const char *wanted)
{
	const struct ap_report *report = page->report;
	struct ap_text_out *text = &page->text;
	unsigned n = 0;

	ap_text_begin(text, "", 2);
	ap_text_put(text, "no function named '");
	ap_text_put(text, wanted);
	ap_text_put(text, "' was called");
	for (size_t i = 0; i < report->order_n && n < SUGGESTIONS; i++) {
		const char *name = report->symbols[report->order[i]].name;
		if (!*wanted || !strcasestr(name, wanted))
			continue;
		ap_text_put(text, n++ ? ", " : "; similar: ");
		ap_text_put(text, name);
	}
	ap_text_end(text);
	page->error = -ENOENT;
}

static void put_edges(struct ap_text_page *page, const char *wanted, bool callers)
{
	const struct ap_report *report = page->report;
	struct ap_text_out *text = &page->text;
	bool found = false;

	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		char label[AP_FIT_BYTES];
		if (!is_named(&report->symbols[f], wanted))
			continue;
		if (found)
			putc('\n', text->out);
		found = true;
		ap_text_styled(text, AP_STYLE_HEADING, callers ? "CALLERS OF " : "CALLEES OF ");
		fprintf(text->out, "%s\n", ap_text_label(label, &report->symbols[f], 69));
		fprintf(text->out, "  %16s%9s%8s  %s\n", "calls", "total", "share", "function");
		ap_text_edges(page, f, callers, page->options->top);
	}
	if (!found)
		put_unknown(page, wanted);
}

void ap_text_callers(struct ap_text_page *page)
{
	put_edges(page, page->options->callers, true);
}

void ap_text_callees(struct ap_text_page *page)
{
	put_edges(page, page->options->callees, false);
}

/* Children of all nodes, each family together and its largest first. */
struct tree {
	uint32_t *nodes;
	size_t n;
};

static int by_family(const void *a, const void *b, void *nodes)
{
	const struct ap_profile_node *all = nodes;
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	if (all[x].parent != all[y].parent)
		return all[x].parent < all[y].parent ? -1 : 1;
	if (all[x].total_ns != all[y].total_ns)
		return all[x].total_ns > all[y].total_ns ? -1 : 1;
	return x < y ? -1 : 1;
}

static int tree_init(struct tree *tree, const struct ap_profile *profile)
{
	tree->n = 0;
	tree->nodes = calloc(profile->nodes_n + 1, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	for (uint32_t id = 1; id < profile->nodes_n; id++) {
		if (profile->nodes[id].used)
			tree->nodes[tree->n++] = id;
	}
	qsort_r(tree->nodes, tree->n, sizeof(*tree->nodes), by_family, profile->nodes);
	return 0;
}

/* Where the children of @parent begin. */
static size_t family(const struct tree *tree, const struct ap_profile *profile, uint32_t parent)
{
	size_t low = 0;
	size_t high = tree->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (profile->nodes[tree->nodes[middle]].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_children(const struct tree *tree, const struct ap_profile *profile, uint32_t parent)
{
	const size_t at = family(tree, profile, parent);

	return at < tree->n && profile->nodes[tree->nodes[at]].parent == parent;
}

static void put_node(struct ap_text_page *page, uint32_t id, unsigned depth)
{
	const struct ap_profile *profile = page->report->profile;
	const struct ap_profile_node *node = &profile->nodes[id];
	const unsigned indent = 2 * depth < MAX_INDENT ? 2 * depth : MAX_INDENT;
	char label[AP_FIT_BYTES];
	char level[16] = "";

	if (2 * depth > MAX_INDENT)
		snprintf(level, sizeof(level), "[%u] ", depth);
	const char *mark = node->estimated ? "~" : "";
	ap_text_figure(&page->text, mark, ap_human_ns((double)node->total_ns).text, 9);
	ap_text_figure(&page->text, mark, ap_human_ns((double)node->self_ns).text, 9);
	fprintf(page->text.out, "%7s  %*s%s%s\n",
		ap_figure_path_calls(&profile->functions[node->function], node->calls,
				     node->estimated)
			.text,
		(int)indent, "", level,
		ap_text_label(label, &page->report->symbols[node->function],
			      53 - indent - strlen(level)));
}

/* Depth-first without recursion: the way down is the stack. */
struct level {
	size_t next;
	uint32_t parent;
	unsigned rows;
};

static bool next_child(const struct tree *tree, const struct ap_profile *profile,
		       struct level *level, unsigned most, uint32_t *ret)
{
	if (level->next >= tree->n || (most && level->rows >= most))
		return false;
	*ret = tree->nodes[level->next];
	if (profile->nodes[*ret].parent != level->parent)
		return false;
	level->next++;
	level->rows++;
	return true;
}

static void put_family(struct ap_text_page *page, const struct tree *tree, struct level *levels,
		       uint32_t root)
{
	const struct ap_profile *profile = page->report->profile;
	const unsigned deepest = page->options->tree_depth;
	unsigned depth = 0;
	uint32_t id;

	levels[0] = (struct level){family(tree, profile, root), root, 0};
	for (;;) {
		if (!next_child(tree, profile, &levels[depth], page->options->top, &id)) {
			if (!depth--)
				return;
			continue;
		}
		put_node(page, id, depth);
		if (depth + 1 < deepest && depth + 1 < LONGEST_PATH)
			levels[++depth] = (struct level){family(tree, profile, id), id, 0};
	}
}

void ap_text_tree(struct ap_text_page *page)
{
	struct level *levels = calloc(LONGEST_PATH, sizeof(*levels));
	struct tree tree;

	if (!levels || tree_init(&tree, page->report->profile)) {
		free(levels);
		page->error = -ENOMEM;
		return;
	}
	ap_text_styled(&page->text, AP_STYLE_HEADING, "CALL TREE");
	fputs("  (wall time)\n", page->text.out);
	fprintf(page->text.out, "%9s%9s%7s  %s\n", "total", "self", "calls", "function");
	for (uint32_t root = AP_ID_ROOT; root < AP_ID_FIRST; root++) {
		if (root != AP_ID_ROOT && has_children(&tree, page->report->profile, root))
			fprintf(page->text.out, "%27s%s:\n", "", page->report->symbols[root].name);
		put_family(page, &tree, levels, root);
	}
	free(tree.nodes);
	free(levels);
}
