# SPDX-License-Identifier: MIT
#
# npud's log (--log-level debug) -> an SVG picture of what each core ran when.
#
#   awk -f script/timeline.awk npud.log >timeline.svg
#
# Reads the job_done lines. Neighbours of one session that would touch in the picture become one
# bar, so that thousands of small jobs stay a small file.

BEGIN {
	WIDTH = 1000; LEFT = 70; TOP = 50; LANE = 46; GAP = 12
	n_colours = split("#4e79a7 #f28e2b #59a14f #b07aa1 #76b7b2 #edc948 #9c755f #bab0ac", colours, " ")
	failed_colour = "#e15759"
	n_cores = 3
}

# The value of key=value or key="value" in the line; "" without.
function value(key,    start, rest) {
	start = index($0, " " key "=")
	if (!start)
		return ""
	rest = substr($0, start + length(key) + 2)
	if (substr(rest, 1, 1) == "\"") {
		rest = substr(rest, 2)
		return substr(rest, 1, index(rest, "\"") - 1)
	}
	sub(/ .*/, "", rest)
	return rest
}

function hex(text,    i, result) {
	text = tolower(text)
	sub(/^0x/, "", text)
	for (i = 1; i <= length(text); i++)
		result = result * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return result + 0
}

function escape(text) {
	gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
	return text
}

/(^|>| )job_done / {
	started = value("started_ns") + 0
	if (!started)
		next
	n_jobs++
	session[n_jobs] = value("session"); comm[n_jobs] = value("comm")
	mask[n_jobs] = hex(value("cores")); outcome[n_jobs] = value("outcome")
	start_ns[n_jobs] = started; end_ns[n_jobs] = value("done_ns") + 0
	if (!first_ns || started < first_ns)
		first_ns = started
	if (end_ns[n_jobs] > last_ns)
		last_ns = end_ns[n_jobs]
	if (!(session[n_jobs] in colour_of)) {
		colour_of[session[n_jobs]] = colours[n_sessions++ % n_colours + 1]
		order[n_sessions] = session[n_jobs]
		name_of[session[n_jobs]] = comm[n_jobs]
	}
	n_done[session[n_jobs]]++
}

function x_of(time_ns) {
	return LEFT + (time_ns - first_ns) * WIDTH / (last_ns - first_ns + 1)
}

function y_of(core) {
	return TOP + core * (LANE + GAP)
}

function flush_bar(core,    fill, width) {
	if (!(core in bar_start))
		return
	width = bar_end[core] - bar_start[core]
	fill = bar_outcome[core] == "ok" ? colour_of[bar_session[core]] : failed_colour
	printf "<rect x='%.1f' y='%d' width='%.1f' height='%d' fill='%s'><title>%s session %s: %s%s</title></rect>\n",
		bar_start[core], y_of(core), (width < 0.5 ? 0.5 : width), LANE, fill,
		escape(name_of[bar_session[core]]), bar_session[core], bar_outcome[core],
		(bar_n[core] > 1 ? ", " bar_n[core] " jobs" : "")
	delete bar_start[core]
}

function add_bar(core, job,    start) {
	start = x_of(start_ns[job])
	if (core in bar_start && bar_session[core] == session[job] &&
	    bar_outcome[core] == outcome[job] && start - bar_end[core] < 0.5) {
		bar_end[core] = x_of(end_ns[job])
		bar_n[core]++
		return
	}
	flush_bar(core)
	bar_start[core] = start; bar_end[core] = x_of(end_ns[job]); bar_n[core] = 1
	bar_session[core] = session[job]; bar_outcome[core] = outcome[job]
}

function print_axis(    i, step_ms, span_ms, x, bottom) {
	span_ms = (last_ns - first_ns) / 1e6
	step_ms = 1
	while (span_ms / step_ms > 12)
		step_ms *= (i++ % 3 == 1) ? 2.5 : 2
	bottom = y_of(n_cores) - GAP
	for (i = 0; i * step_ms <= span_ms; i++) {
		x = x_of(first_ns + i * step_ms * 1e6)
		printf "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>", x, TOP, x, bottom
		printf "<text x='%.1f' y='%d' text-anchor='middle'>%g ms</text>\n", x, bottom + 16,
			i * step_ms
	}
}

function print_legend(    i, x, y) {
	y = y_of(n_cores) + 34
	for (i = 1; i <= n_sessions; i++) {
		x = LEFT + (i - 1) % 5 * 200
		printf "<rect x='%d' y='%d' width='12' height='12' fill='%s'/>", x, y - 10,
			colour_of[order[i]]
		printf "<text x='%d' y='%d'>%s, session %s: %d</text>\n", x + 18, y,
			escape(name_of[order[i]]), order[i], n_done[order[i]]
		if (i % 5 == 0)
			y += 20
	}
	printf "<rect x='%d' y='%d' width='12' height='12' fill='%s'/>", LEFT, y + 12, failed_colour
	printf "<text x='%d' y='%d'>ended otherwise than ok: hang, page fault, cancelled</text>\n",
		LEFT + 18, y + 22
}

END {
	if (!n_jobs) {
		print "timeline: no job_done lines; run npud with --log-level debug" >"/dev/stderr"
		exit 1
	}
	height = y_of(n_cores) + 80 + int(n_sessions / 5) * 20
	printf "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' font-size='12'>\n",
		LEFT + WIDTH + 40, height
	printf "<rect width='100%%' height='100%%' fill='white'/>\n"
	printf "<text x='%d' y='28' font-size='16'>NPU cores: %d jobs of %d sessions in %.2f s</text>\n",
		LEFT, n_jobs, n_sessions, (last_ns - first_ns) / 1e9
	print_axis()
	for (core = 0; core < n_cores; core++)
		printf "<text x='10' y='%d'>core %d</text>\n", y_of(core) + LANE / 2 + 4, core
	for (job = 1; job <= n_jobs; job++)
		for (core = 0; core < n_cores; core++)
			if (int(mask[job] / 2 ^ core) % 2)
				add_bar(core, job)
	for (core = 0; core < n_cores; core++)
		flush_bar(core)
	print_legend()
	print "</svg>"
}
