/* SPDX-License-Identifier: MIT */
/*
 * Questions and administration over the wire. Who may do what is checked by dispatch.
 */
#include "api/incidents.h"
#include "api/request.h"
#include "api/stats.h"
#include "api/wire.h"
#include "base/log.h"
#include "sessions/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int op_stats(struct request *request)
{
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error);

	if (r < 0)
		return r;
	return request_reply_json(request, stats_document(request->api, request->session));
}

int op_policy_show(struct request *request)
{
	const struct api *api = request->api;
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error);

	if (r < 0)
		return r;
	return request_reply_json(request, api->daemon_ops->policy_show(api->daemon_context));
}

int op_policy_reload(struct request *request)
{
	const struct api *api = request->api;
	char text[sizeof(request->error.message)] = "";
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error);

	if (r < 0)
		return r;
	r = api->daemon_ops->policy_reload(api->daemon_context, text, sizeof(text));
	if (r < 0)
		return error_set(&request->error, -r, "policy", "%s; the old one stays", text);
	return request_reply(request, NULL, 0, -1);
}

int op_kill(struct request *request)
{
	struct session *victim;
	struct npu_kill kill;
	int r;

	r = wire_decode_kill(request->body, request->body_size, request->fds->n, &kill,
			     &request->error);
	if (r < 0)
		return r;
	victim = sessions_find(request->api->sessions, kill.session_id);
	if (!victim || victim->state == SESSION_DEAD)
		return error_set(&request->error, ENOENT, "session_id", "no session %" PRIu64,
				 kill.session_id);
	log_warning("session_killed session=%" PRIu64 " uid=%u by_uid=%u", victim->id,
		    victim->identity.uid, request->session->identity.uid);
	/* Answer first: the victim may be the one who asks. */
	r = request_reply(request, NULL, 0, -1);
	session_close(victim, "killed by an administrator", true);
	return r;
}

int op_reset(struct request *request)
{
	struct scheduler *scheduler = request->api->sessions->scheduler;
	struct npu_reset reset;
	int r;

	r = wire_decode_reset(request->body, request->body_size, request->fds->n, &reset,
			      &request->error);
	if (r < 0)
		return r;
	if (reset.core >= scheduler_n_cores(scheduler))
		return error_range(&request->error, "core", reset.core, 0,
				   scheduler_n_cores(scheduler) - 1);
	r = scheduler_reset_core(scheduler, reset.core);
	sessions_kick(request->api->sessions);
	if (r < 0)
		return error_set(&request->error, -r, "core", "core %u does not come back: %s",
				 reset.core, strerror(-r));
	return request_reply(request, NULL, 0, -1);
}

int op_pardon(struct request *request)
{
	struct sessions *sessions = request->api->sessions;
	struct npu_pardon pardon;
	const struct session *session;
	char cgroup[512];
	int r;

	r = wire_decode_pardon(request->body, request->body_size, request->fds->n, &pardon,
			       &request->error);
	if (r < 0)
		return r;
	if (pardon.session_id) {
		session = sessions_find(sessions, pardon.session_id);
		if (!session || session->state == SESSION_DEAD)
			return error_set(&request->error, ENOENT, "session_id",
					 "no session %" PRIu64
					 "; name its identity, UID:CGROUP, if it is gone",
					 pardon.session_id);
		pardon.uid = session->identity.uid;
		memcpy(pardon.cgroup, session->identity.cgroup, sizeof(pardon.cgroup));
	}
	if (quarantine_pardon(sessions, pardon.uid, pardon.cgroup) < 0)
		return error_set(&request->error, ENOENT, "identity",
				 "uid %u in cgroup \"%.100s\" has no strikes", pardon.uid,
				 log_quote(pardon.cgroup, cgroup, sizeof(cgroup)));
	log_warning("pardoned uid=%u cgroup=\"%s\" by_uid=%u", pardon.uid,
		    log_quote(pardon.cgroup, cgroup, sizeof(cgroup)),
		    request->session->identity.uid);
	return request_reply(request, NULL, 0, -1);
}

int op_incidents(struct request *request)
{
	const struct incidents *incidents = request->api->incidents;
	struct npu_incidents wanted;
	json_t *document;
	int r;

	r = wire_decode_incidents(request->body, request->body_size, request->fds->n, &wanted,
				  &request->error);
	if (r < 0)
		return r;
	if (!incidents)
		return error_set(&request->error, ENOENT, "incidents", "none are kept");
	if (!wanted.id)
		return request_reply_json(request, incidents_list(incidents));
	r = incidents_get(incidents, wanted.id, &document);
	if (r < 0)
		return error_set(&request->error, -r, "id",
				 "incident %" PRIu64 " cannot be shown: %s; see `npuctl incidents`",
				 wanted.id, strerror(-r));
	return request_reply_json(request, document);
}

int op_drain(struct request *request)
{
	struct sessions *sessions = request->api->sessions;
	struct npu_drain_reply reply = {0};
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error);

	if (r < 0)
		return r;
	if (!sessions->is_draining)
		log_warning("draining by_uid=%u", request->session->identity.uid);
	sessions_refuse_new(sessions);
	sessions_count_work(sessions, &reply.n_jobs, &reply.n_blocked);
	return request_reply(request, &reply, sizeof(reply), -1);
}
