/* SPDX-License-Identifier: MIT */
/* Bars are written as the run goes, so a picture costs no memory. */
#include "tools/sim/timeline.h"

#include <errno.h>
#include <string.h>

#define WIDTH	    1200
#define LEFT	    60
#define TOP	    40
#define LANE	    44
#define GAP	    12
#define TOUCH_NS    (SIM_TIMELINE_NS / WIDTH / 2)
#define LEGEND_STEP 120
#define N_TICKS	    10
#define TENANTS_MAX 10 /* in the legend */

static const char *const colours[] = {"#4e79a7", "#f28e2b", "#59a14f", "#b07aa1",
				      "#76b7b2", "#edc948", "#9c755f", "#bab0ac"};

static const char *colour_of(const struct sim_tenant *tenant)
{
	return colours[tenant->index % (sizeof(colours) / sizeof(colours[0]))];
}

static double x_of(uint64_t ns)
{
	return LEFT + (double)ns * WIDTH / (double)SIM_TIMELINE_NS;
}

static int y_of(unsigned core)
{
	return TOP + (int)core * (LANE + GAP);
}

/* Names come from a file: no markup. */
static void write_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if ((unsigned char)*text >= 0x20)
			fputc(*text, out);
	}
}

static void flush_bar(struct sim_timeline *timeline, unsigned core)
{
	struct sim_timeline_bar *bar = &timeline->bars[core];

	if (bar->tenant)
		fprintf(timeline->out,
			"<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n",
			x_of(bar->start_ns), y_of(core), x_of(bar->end_ns) - x_of(bar->start_ns),
			LANE, bar->is_shot ? "#e15759" : colour_of(bar->tenant));
	bar->tenant = NULL;
}

static void add_bar(struct sim_timeline *timeline, unsigned core,
		    const struct sim_timeline_bar *next)
{
	struct sim_timeline_bar *bar = &timeline->bars[core];

	if (bar->tenant == next->tenant && bar->is_shot == next->is_shot &&
	    next->start_ns - bar->end_ns <= TOUCH_NS) {
		bar->end_ns = next->end_ns;
		return;
	}
	flush_bar(timeline, core);
	*bar = *next;
}

static void trace(void *context, const struct sim_engine *engine, const struct sim_batch *batch)
{
	struct sim_timeline_bar bar = {
		.tenant = batch->job->session->tenant,
		.start_ns = batch->start_ns,
		.end_ns = engine->now_ns < SIM_TIMELINE_NS ? engine->now_ns : SIM_TIMELINE_NS,
		.is_shot = batch->hangs,
	};

	if (bar.start_ns >= SIM_TIMELINE_NS)
		return;
	for (unsigned core = 0; core < engine->hardware->n_cores; core++) {
		if (batch->cores & 1u << core)
			add_bar(context, core, &bar);
	}
}

static void write_frame(FILE *out, const struct sim_engine *engine)
{
	int bottom = y_of(engine->hardware->n_cores);

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		LEFT + WIDTH + 60, bottom + 30);
	for (unsigned core = 0; core < engine->hardware->n_cores; core++)
		fprintf(out,
			"<text x=\"8\" y=\"%d\">core %u</text>\n"
			"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#f2f2f2\"/>\n",
			y_of(core) + LANE / 2 + 4, core, LEFT, y_of(core), WIDTH, LANE);
	for (unsigned i = 0; i <= N_TICKS; i++)
		fprintf(out, "<text x=\"%d\" y=\"%d\">%llu ms</text>\n",
			LEFT + (int)i * WIDTH / N_TICKS, bottom + 12,
			SIM_TIMELINE_NS / NS_PER_MS * i / N_TICKS);
}

static void write_legend(FILE *out, const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->n_tenants && i < TENANTS_MAX; i++) {
		int x = LEFT + (int)i * LEGEND_STEP;

		fprintf(out,
			"<rect x=\"%d\" y=\"12\" width=\"12\" height=\"12\" fill=\"%s\"/>\n"
			"<text x=\"%d\" y=\"22\">",
			x, colour_of(&engine->tenants[i]), x + 17);
		write_text(out, engine->tenants[i].name);
		fputs("</text>\n", out);
	}
}

int sim_timeline_begin(struct sim_timeline *timeline, const char *path, struct sim_engine *engine)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return -errno;
	*timeline = (struct sim_timeline){.out = out};
	write_frame(out, engine);
	engine->trace = trace;
	engine->trace_context = timeline;
	return 0;
}

int sim_timeline_end(struct sim_timeline *timeline, const struct sim_engine *engine)
{
	bool has_failed;

	for (unsigned core = 0; core < engine->hardware->n_cores; core++)
		flush_bar(timeline, core);
	write_legend(timeline->out, engine);
	fputs("</svg>\n", timeline->out);
	has_failed = ferror(timeline->out);
	if (fclose(timeline->out) || has_failed)
		return -EIO;
	return 0;
}
