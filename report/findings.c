/* SPDX-License-Identifier: MIT */
/* report/findings.c - the table of rules, and what they build their findings with; see findings.h.
 * */
#include "report/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

/* Among findings of one severity this is also their order: causes before symptoms. */
static const struct {
	const char *name;
	ap_finding_rule find;
} rules[] = {
	{"memory_pressure", ap_find_memory_pressure}, {"cpu_high", ap_find_cpu_high},
	{"creation_rate", ap_find_creation_rate},     {"latency_p99", ap_find_latency_p99},
	{"over_budget", ap_find_over_budget},	      {"hot_function", ap_find_hot_function},
	{"tiny_functions", ap_find_tiny_functions},
};

struct ap_finding *ap_findings_add(struct ap_findings *all, const char *severity,
				   struct ap_finding_figures figures)
{
	struct ap_finding *items = reallocarray(all->items, all->n + 1, sizeof(*items));

	if (!items) {
		all->error = -ENOMEM;
		return NULL;
	}
	all->items = items;
	items[all->n] = (struct ap_finding){
		.rule = all->rule,
		.severity = severity,
		.value = figures.value,
		.threshold = figures.threshold,
		.unit = figures.unit,
	};
	return &items[all->n++];
}

/* Returns new; NULL is remembered as an error. */
static char *text(struct ap_findings *all, const char *format, va_list args)
{
	char *made;

	if (vasprintf(&made, format, args) >= 0)
		return made;
	all->error = -ENOMEM;
	return NULL;
}

void ap_finding_message(struct ap_findings *all, struct ap_finding *finding, const char *format,
			...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	finding->message = text(all, format, args);
	va_end(args);
}

void ap_finding_recommend(struct ap_findings *all, struct ap_finding *finding, const char *format,
			  ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	finding->recommendation = text(all, format, args);
	va_end(args);
}

void ap_finding_evidence(struct ap_findings *all, struct ap_finding *finding, const char *format,
			 ...)
{
	va_list args;

	if (!finding)
		return;
	char **evidence =
		reallocarray(finding->evidence, finding->evidence_n + 1, sizeof(*evidence));
	if (!evidence) {
		all->error = -ENOMEM;
		return;
	}
	finding->evidence = evidence;
	va_start(args, format);
	evidence[finding->evidence_n++] = text(all, format, args);
	va_end(args);
}

struct ap_place ap_finding_place(const struct ap_symbol *symbol)
{
	struct ap_place place = {""};
	const char *const path = symbol->file ? symbol->file : symbol->module;
	const size_t room = sizeof(place.text) - 24;

	if (!path || (!symbol->file && symbol->guessed))
		return place; /* the name is the place */
	const size_t bytes = strlen(path);
	const char *dots = bytes > room ? "..." : "";
	const char *end = bytes > room ? path + bytes - room : path;
	if (symbol->file && symbol->line > 0)
		snprintf(place.text, sizeof(place.text), " (%s%s:%d)", dots, end, symbol->line);
	else
		snprintf(place.text, sizeof(place.text), " (%s%s)", dots, end);
	return place;
}

uint32_t ap_finding_busiest(const struct ap_report *report)
{
	for (size_t i = 0; i < report->order_n; i++) {
		if (ap_figure_listed(report, report->order[i]))
			return report->order[i];
	}
	return 0;
}

static int rank(const struct ap_finding *finding)
{
	return strcmp(finding->severity, AP_SEVERITY_CRITICAL) == 0  ? 0
	       : strcmp(finding->severity, AP_SEVERITY_WARNING) == 0 ? 1
								     : 2;
}

/* Stable, and few: insertion. */
static void sort(struct ap_finding *items, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct ap_finding item = items[i];
		size_t at = i;
		while (at > 0 && rank(&items[at - 1]) > rank(&item)) {
			items[at] = items[at - 1];
			at--;
		}
		items[at] = item;
	}
}

int ap_findings_run(struct ap_report *report)
{
	struct ap_findings all = {0};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		all.rule = rules[i].name;
		rules[i].find(report, &all);
	}
	if (all.error) {
		ap_findings_free(all.items, all.n);
		return all.error;
	}
	sort(all.items, all.n);
	report->findings = all.items;
	report->findings_n = all.n;
	return 0;
}

void ap_findings_free(struct ap_finding *findings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < findings[i].evidence_n; k++)
			free(findings[i].evidence[k]);
		free(findings[i].evidence);
		free(findings[i].message);
		free(findings[i].recommendation);
	}
	free(findings);
}
