/* SPDX-License-Identifier: MIT */
/*
 * npuctl: what npud does, and the few things an administrator may tell it. A table of commands;
 * each is one question to the daemon and one way to print the answer.
 */
#include "cli.h"
#include "npuctl_doctor.h"
#include "npuctl_show.h"
#include "npuctl_top.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_INTERVAL_MS 20

static const char help_text[] =
	"usage: npuctl [--socket PATH] [--json] COMMAND\n"
	"\n"
	"  status             the daemon, its device and what it does\n"
	"  sessions           who is connected\n"
	"  cores              what the cores do\n"
	"  top                all of that, once a second; q quits\n"
	"  stats              the statistics document (JSON)\n"
	"  policy show        the policy in effect, with every default (JSON)\n"
	"  policy check FILE  whether npud would take that policy file\n"
	"  policy reload      read the policy file again\n"
	"  kill SESSION       end a session and what it runs\n"
	"  reset CORE         reset a core; what runs there fails\n"
	"  pardon SESSION     forgive who is behind a session its hangs and faults\n"
	"  pardon UID:CGROUP  the same for who has no session any more\n"
	"  incidents [ID]     hangs and faults that were written down; one of them\n"
	"  doctor             check machine, daemon and NPU from end to end; runs jobs, and for\n"
	"                     administrators also one that hangs and one that faults\n"
	"  drain              take no new sessions and jobs, and wait for the last to end\n"
	"  trace start        record the jobs that end\n"
	"  trace stop FILE    write the recording, for Perfetto, chrome://tracing or npu-sim\n"
	"\n"
	"  --socket PATH      npud's socket; else $NPU_SOCKET, $XDG_RUNTIME_DIR/npud.sock,\n"
	"                     /run/npud/npud.sock\n"
	"  --json             for programs: status, sessions, cores, incidents, doctor as JSON\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 no daemon, 4 refused.\n";

struct npuctl {
	const char *socket_path;
	bool is_json;
	struct npu_session *session; /* NULL for commands that need no daemon */
};

/* ---- questions ---- */

static enum cli_status load_stats(struct npuctl *npuctl, json_t **ret_document)
{
	char *text;
	int error = npu_stats(npuctl->session, &text);
	if (error < 0)
		return cli_error_npu(error, "statistics");
	json_t *document = json_loads(text, 0, NULL);
	free(text);
	if (!document)
		return cli_error(CLI_FAILED, "statistics: npud's answer is not JSON");
	*ret_document = document;
	return CLI_OK;
}

static enum cli_status print_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) < 0)
		return cli_error(CLI_FAILED, "output: %s", strerror(errno));
	putchar('\n');
	return CLI_OK;
}

static enum cli_status run_status(struct npuctl *npuctl, char **arguments)
{
	json_t *document = NULL;
	enum cli_status status = load_stats(npuctl, &document);
	if (status != CLI_OK)
		return status;
	if (npuctl->is_json) {
		json_object_del(document, "sessions");
		status = print_json(document);
	} else {
		show_status(document, stdout);
	}
	json_decref(document);
	return status;
}

static enum cli_status run_sessions(struct npuctl *npuctl, char **arguments)
{
	json_t *document = NULL;
	enum cli_status status = load_stats(npuctl, &document);
	if (status != CLI_OK)
		return status;
	if (npuctl->is_json)
		status = print_json(json_object_get(document, "sessions"));
	else
		show_sessions(document, stdout);
	json_decref(document);
	return status;
}

static enum cli_status run_cores(struct npuctl *npuctl, char **arguments)
{
	json_t *document = NULL;
	enum cli_status status = load_stats(npuctl, &document);
	if (status != CLI_OK)
		return status;
	if (npuctl->is_json)
		status = print_json(json_object_get(document, "cores"));
	else
		show_cores(document, NULL, 0, stdout);
	json_decref(document);
	return status;
}

static enum cli_status run_top(struct npuctl *npuctl, char **arguments)
{
	if (npuctl->is_json)
		return cli_error(CLI_USAGE, "top: has no --json; `npuctl --json stats` has");
	return npuctl_top(npuctl->session);
}

static enum cli_status run_stats(struct npuctl *npuctl, char **arguments)
{
	json_t *document = NULL;
	enum cli_status status = load_stats(npuctl, &document);
	if (status != CLI_OK)
		return status;
	status = print_json(document);
	json_decref(document);
	return status;
}

static enum cli_status run_policy_show(struct npuctl *npuctl, char **arguments)
{
	char *text;
	int error = npu_policy_show(npuctl->session, &text);
	if (error < 0)
		return cli_error_npu(error, "policy show");
	json_t *policy = json_loads(text, 0, NULL);
	free(text);
	if (!policy)
		return cli_error(CLI_FAILED, "policy show: npud's answer is not JSON");
	enum cli_status status = print_json(policy);
	json_decref(policy);
	return status;
}

static enum cli_status load_incidents(struct npuctl *npuctl, uint64_t id, json_t **ret_document)
{
	char *text;
	int error = npu_incidents(npuctl->session, id, &text);
	if (error < 0)
		return cli_error_npu(error, "incidents");
	json_t *document = json_loads(text, 0, NULL);
	free(text);
	if (!document)
		return cli_error(CLI_FAILED, "incidents: npud's answer is not JSON");
	*ret_document = document;
	return CLI_OK;
}

static enum cli_status run_incidents(struct npuctl *npuctl, char **arguments)
{
	json_t *document = NULL;
	uint64_t id = 0;
	if (arguments[0] && cli_parse_u64(arguments[0], 1, UINT64_MAX, &id) < 0)
		return cli_error(CLI_USAGE,
				 "incidents: %s: not an incident's number; see `npuctl incidents`",
				 arguments[0]);
	enum cli_status status = load_incidents(npuctl, id, &document);
	if (status != CLI_OK)
		return status;
	if (npuctl->is_json)
		status = print_json(id ? document : json_object_get(document, "incidents"));
	else if (id)
		show_incident(document, stdout);
	else
		show_incidents(document, stdout);
	json_decref(document);
	return status;
}

/* ---- commands ---- */

/* npud checks its own files: the one parser, and its very messages and exit status. */
static enum cli_status run_policy_check(struct npuctl *npuctl, char **arguments)
{
	char path[4096];
	cli_find_program("npud", path, sizeof(path));
	execlp(path, "npud", "--check-config", "--config", arguments[0], (char *)NULL);
	return cli_error(CLI_NO_DAEMON, "cannot run %s: %s", path, strerror(errno));
}

static enum cli_status run_doctor(struct npuctl *npuctl, char **arguments)
{
	return npuctl_doctor(npuctl->socket_path, npuctl->is_json);
}

static enum cli_status run_policy_reload(struct npuctl *npuctl, char **arguments)
{
	int error = npu_policy_reload(npuctl->session);
	if (error < 0)
		return cli_error_npu(error, "policy reload");
	puts("policy reloaded");
	return CLI_OK;
}

static enum cli_status run_kill(struct npuctl *npuctl, char **arguments)
{
	uint64_t id;
	char what[64];
	if (cli_parse_u64(arguments[0], 1, UINT64_MAX, &id) < 0)
		return cli_error(CLI_USAGE,
				 "kill: %s: not a session's number; see `npuctl sessions`",
				 arguments[0]);
	snprintf(what, sizeof(what), "kill %llu", (unsigned long long)id);
	int error = npu_kill(npuctl->session, id);
	if (error < 0)
		return cli_error_npu(error, what);
	printf("session %llu ended\n", (unsigned long long)id);
	return CLI_OK;
}

/* Asks again until nothing is left that can end. */
static enum cli_status run_drain(struct npuctl *npuctl, char **arguments)
{
	struct npu_drain_reply work;
	uint32_t n_before = UINT32_MAX;
	do {
		int error = npu_drain(npuctl->session, &work);
		if (error < 0)
			return cli_error_npu(error, "drain");
		if (work.n_jobs != n_before && work.n_jobs > 0)
			fprintf(stderr, "npuctl: drain: %u job%s to go\n", work.n_jobs,
				work.n_jobs > 1 ? "s" : "");
		n_before = work.n_jobs;
		if (work.n_jobs > 0)
			poll(NULL, 0, DRAIN_INTERVAL_MS);
	} while (work.n_jobs > 0);
	printf("drained: npud takes no sessions and no jobs until it is restarted\n");
	if (work.n_blocked > 0)
		printf("%u jobs wait for fences or for jobs that do\n", work.n_blocked);
	return CLI_OK;
}

static enum cli_status run_reset(struct npuctl *npuctl, char **arguments)
{
	uint64_t core;
	char what[64];
	if (cli_parse_u64(arguments[0], 0, UINT32_MAX, &core) < 0)
		return cli_error(CLI_USAGE, "reset: %s: not a core's number; see `npuctl cores`",
				 arguments[0]);
	snprintf(what, sizeof(what), "reset %u", (unsigned)core);
	int error = npu_reset_core(npuctl->session, (uint32_t)core);
	if (error < 0)
		return cli_error_npu(error, what);
	printf("core %u reset\n", (unsigned)core);
	return CLI_OK;
}

/* UID:CGROUP, as `npuctl sessions` shows it; else a session's number. */
static enum cli_status run_pardon(struct npuctl *npuctl, char **arguments)
{
	char *colon = strchr(arguments[0], ':');
	uint64_t number;
	int error;
	if (colon)
		*colon = '\0';
	if (cli_parse_u64(arguments[0], colon ? 0 : 1, colon ? UINT32_MAX - 1 : UINT64_MAX,
			  &number) < 0)
		return cli_error(CLI_USAGE,
				 "pardon: %s: neither a session's number nor UID:CGROUP; see "
				 "`npuctl sessions`",
				 arguments[0]);
	if (colon)
		error = npu_pardon_identity(npuctl->session, (uint32_t)number, colon + 1);
	else
		error = npu_pardon(npuctl->session, number);
	if (error < 0)
		return cli_error_npu(error, "pardon");
	puts("pardoned");
	return CLI_OK;
}

static enum cli_status run_trace_start(struct npuctl *npuctl, char **arguments)
{
	int error = npu_trace_start(npuctl->session);
	return error < 0 ? cli_error_npu(error, "trace start") : CLI_OK;
}

/*
 * Opened first, as a recording must not end because it cannot be written; emptied last, as a file
 * must not be lost because there is no recording.
 */
static enum cli_status run_trace_stop(struct npuctl *npuctl, char **arguments)
{
	const char *path = arguments[0];
	bool is_new = access(path, F_OK) < 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return cli_error(CLI_FAILED, "%s: %s", path, strerror(errno));
	char *text = NULL;
	int error = npu_trace_stop(npuctl->session, &text);
	if (error < 0) {
		fclose(file);
		if (is_new)
			unlink(path);
		return cli_error_npu(error, "trace stop");
	}
	/* What is no regular file, a pipe for instance, has no length. */
	bool is_written = (ftruncate(fd, 0) == 0 || errno == EINVAL) && fputs(text, file) != EOF;
	free(text);
	if (fclose(file) == EOF || !is_written)
		return cli_error(CLI_FAILED, "%s: %s", path, strerror(errno));
	return CLI_OK;
}

struct command {
	const char *words[2]; /* the second may be NULL */
	const char *argument; /* NULL: takes none; "[…]": may be left out */
	bool needs_daemon;
	enum cli_status (*run)(struct npuctl *npuctl, char **arguments);
};

static const struct command commands[] = {
	{{"status"}, NULL, true, run_status},
	{{"sessions"}, NULL, true, run_sessions},
	{{"cores"}, NULL, true, run_cores},
	{{"top"}, NULL, true, run_top},
	{{"stats"}, NULL, true, run_stats},
	{{"policy", "show"}, NULL, true, run_policy_show},
	{{"policy", "check"}, "FILE", false, run_policy_check},
	{{"policy", "reload"}, NULL, true, run_policy_reload},
	{{"kill"}, "SESSION", true, run_kill},
	{{"reset"}, "CORE", true, run_reset},
	{{"pardon"}, "SESSION or UID:CGROUP", true, run_pardon},
	{{"incidents"}, "[ID]", true, run_incidents},
	{{"drain"}, NULL, true, run_drain},
	{{"doctor"}, NULL, false, run_doctor},
	{{"trace", "start"}, NULL, true, run_trace_start},
	{{"trace", "stop"}, "FILE", true, run_trace_stop},
};

static const struct command *command_find(char **words, int n_words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];
		if (strcmp(words[0], command->words[0]) != 0)
			continue;
		if (!command->words[1] || (n_words > 1 && strcmp(words[1], command->words[1]) == 0))
			return command;
	}
	return NULL;
}

static enum cli_status run_command(struct npuctl *npuctl, char **words, int n_words)
{
	const struct command *command = command_find(words, n_words);
	if (!command)
		return cli_error(CLI_USAGE, "%s%s%s: no such command; see `npuctl --help`",
				 words[0], n_words > 1 ? " " : "", n_words > 1 ? words[1] : "");
	int n_own = command->words[1] ? 2 : 1;
	bool is_optional = command->argument && command->argument[0] == '[';
	if (n_words != n_own + (command->argument != NULL) && !(is_optional && n_words == n_own))
		return cli_error(CLI_USAGE, "%s%s%s: takes %s; see `npuctl --help`",
				 command->words[0], n_own == 2 ? " " : "",
				 n_own == 2 ? command->words[1] : "",
				 command->argument ? command->argument : "no argument");
	if (command->needs_daemon) {
		enum cli_status status = cli_connect(npuctl->socket_path, &npuctl->session);
		if (status != CLI_OK)
			return status;
	}
	enum cli_status status = command->run(npuctl, words + n_own);
	npu_close(npuctl->session);
	if (fflush(stdout) == EOF)
		return cli_error(CLI_FAILED, "output: %s", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'V'},
						{0}};
	struct npuctl npuctl = {0};
	int option;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			npuctl.socket_path = optarg;
			break;
		case 'j':
			npuctl.is_json = true;
			break;
		case 'h':
			fputs(help_text, stdout);
			return CLI_OK;
		case 'V':
			puts("npuctl " NPUD_VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE;
		}
	}
	if (optind == argc)
		return cli_error(CLI_USAGE, "no command; see `npuctl --help`");
	return run_command(&npuctl, argv + optind, argc - optind);
}
