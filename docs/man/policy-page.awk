# SPDX-License-Identifier: MIT
# docs/policy-file.md -> the manual page npud-policy(5), so that there is one text. Knows as much of
# Markdown as that file uses: headings, tables of keys, lists, code blocks, paragraphs.

# Text -> roff: `word` and **word** in bold, [text](link) as its text.
function inline(text,   out, bold, c, i, n, end) {
	while (match(text, /\[[^]]*\]\([^)]*\)/)) {
		c = substr(text, RSTART + 1, RLENGTH - 1)
		end = index(c, "]")
		text = substr(text, 1, RSTART - 1) substr(c, 1, end - 1) \
			substr(text, RSTART + RLENGTH)
	}
	gsub(/\*\*/, "`", text)
	gsub(/\\/, "\\e", text)
	n = split(text, part, "`")
	for (i = 1; i <= n; i++)
		out = out (i % 2 ? part[i] : "\\fB" part[i] "\\fR")
	return out
}

# One sentence a line, no line longer than roff likes, none that looks like a request.
function print_filled(text,   words, n, i, line) {
	n = split(text, words, " ")
	line = ""
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line) + length(words[i]) > 75) {
			emit(line)
			line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
		if (words[i] ~ /[.?]$/) {
			emit(line)
			line = ""
		}
	}
	if (line != "")
		emit(line)
}

function emit(line) {
	print (line ~ /^[.']/ ? "\\&" : "") line
}

function close_blocks() {
	if (block == "paragraph")
		print_filled(inline(paragraph))
	if (block == "list")
		end_item()
	if (block == "list" || block == "table")
		print ".El"
	block = paragraph = ""
}

function end_item() {
	if (paragraph != "")
		print_filled(inline(paragraph))
	paragraph = ""
}

function start_block(kind, request) {
	if (block == kind)
		return
	close_blocks()
	block = kind
	if (request != "")
		print request
}

function print_row(   cells, n, i, default_text) {
	n = split($0, cells, /[ ]*\|[ ]*/)
	if (cells[2] ~ /^-+$/)
		return
	if (block != "table") {
		split($0, header, /[ ]*\|[ ]*/)
		start_block("table", ".Bl -tag -width Ds")
		return
	}
	gsub(/`/, "", cells[2])
	if (header[2] != "key") {
		print ".It " cells[2]
		print_filled(inline(header[3] ": " cells[3] "; " header[4] ": " cells[4] "."))
		return
	}
	default_text = cells[5] == "—" ? "" : "; default " cells[5]
	if (cells[6] == "later")
		default_text = default_text "; not in effect yet"
	print ".It Ic " cells[2]
	print_filled(inline("(" cells[3] ": " cells[4] default_text ")"))
	print ".br"
	for (i = 8; i < n; i++)
		cells[7] = cells[7] " | " cells[i]
	print_filled(inline(cells[7]))
}

BEGIN {
	print ".\\\" SPDX-License-Identifier: MIT"
	print ".\\\" Made from docs/policy-file.md by docs/man/policy-page.awk."
	print ".Dd $Mdocdate$"
	print ".Dt NPUD-POLICY 5"
	print ".Os"
	print ".Sh NAME"
	print ".Nm npud-policy"
	print ".Nd who gets how much of the NPU"
	print ".Sh DESCRIPTION"
}

/^ *```/ {
	if (in_code) {
		print ".Ed"
		in_code = 0
	} else {
		if (block != "list")
			close_blocks()
		else
			end_item()
		print ".Bd -literal -offset indent"
		in_code = 1
	}
	next
}
in_code {
	gsub(/\\/, "\\e")
	sub(/^  /, "")
	emit($0)
	next
}
/^# / { next }
/^## / {
	close_blocks()
	title = substr($0, 4)
	gsub(/`/, "", title)
	# Keys' sections keep their names, as they stand in the file.
	print ".Sh " ($0 ~ /`/ ? title : toupper(title))
	is_first = 1
	next
}
/^\|/ { print_row(); is_first = 0; next }
/^- / {
	start_block("list", ".Bl -bullet")
	end_item()
	print ".It"
	paragraph = substr($0, 3)
	next
}
/^  [^ ]/ && block == "list" { paragraph = paragraph " " $0; next }
/^$/ {
	if (block == "paragraph")
		close_blocks()
	next
}
{
	if (block != "paragraph") {
		close_blocks()
		if (!is_first && has_text)
			print ".Pp"
		block = "paragraph"
	}
	is_first = 0
	has_text = 1
	paragraph = paragraph " " $0
}

END {
	close_blocks()
	print ".Sh SEE ALSO"
	print ".Xr npu-sim 1 ,"
	print ".Xr npuctl 1 ,"
	print ".Xr npud 8"
}
