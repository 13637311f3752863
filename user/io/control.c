// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/request.h"
#include "io/log.h"

#define CLIENTS_MAX 16
#define ACCEPTS_AT_ONCE 16

struct client {
	struct control *control;
	struct loop_source source; /* fd -1: not in use */
	uint64_t since_ns;
	uint32_t pid;
};

struct control {
	struct loop *loop;
	gid_t group;
	const struct control_events *events;
	struct loop_source listening;
	struct client clients[CLIENTS_MAX];
};

static void drop(struct client *client)
{
	if (client->source.fd < 0)
		return;
	loop_remove(client->control->loop, &client->source);
	close(client->source.fd);
	client->source.fd = -1;
}

/* Somebody who has gone was told, or takes it, that it was not done. */
static bool has_hung_up(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };

	return poll(&end, 1, 0) > 0 && end.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void client_ready(void *ctx, uint64_t now_ns)
{
	static const char *const words[] = {
		[COMMAND_DEMOTE] = "demote",
		[COMMAND_PROMOTE] = "promote",
		[COMMAND_RELEASE] = "release",
	};
	struct client *client = ctx;
	const struct control_events *events = client->control->events;
	struct xcarp_reply reply = { .abi_version = XCARP_ABI_VERSION };
	struct xcarp_request request;
	ssize_t len = recv(client->source.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0 && has_hung_up(client->source.fd)) {
		log_info("xcarpctl (process %u) has gone before its request was looked at: it is dropped", client->pid);
		len = 0;
	}
	if (len <= 0) {
		drop(client);
		return;
	}
	if ((size_t)len > sizeof(request) || !request_is_whole(&request, (size_t)len)) {
		reply.error = -EPROTO;
	} else {
		reply.done = events->request(events->ctx, (enum xcarp_command)request.command, request.vrouters,
					     request.count, now_ns);
		log_info("xcarpctl (process %u): %s: %u virtual router%s", client->pid, words[request.command], reply.done,
			 reply.done == 1 ? "" : "s");
	}
	if (send(client->source.fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		drop(client);
}

static struct client *place_for_client(struct control *control)
{
	struct client *oldest = control->clients;

	for (struct client *client = control->clients; client < control->clients + CLIENTS_MAX; client++) {
		if (client->source.fd < 0)
			return client;
		if (client->since_ns < oldest->since_ns)
			oldest = client;
	}
	drop(oldest);
	return oldest;
}

/* As it was when it connected. */
static bool is_in_group(int fd, gid_t group)
{
	socklen_t len = 0;
	gid_t *groups;
	bool is_in = false;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) || errno != ERANGE)
		return false;
	groups = malloc(len);
	if (groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		for (size_t i = 0; i < len / sizeof(*groups); i++)
			is_in |= groups[i] == group;
	free(groups);
	return is_in;
}

static bool may_ask(const struct control *control, int fd, const struct ucred *who)
{
	return who->uid == 0 || who->uid == geteuid() ||
	       (control->group != NO_GROUP && (who->gid == control->group || is_in_group(fd, control->group)));
}

static void take_client(struct control *control, int fd, uint64_t now_ns)
{
	struct xcarp_reply refusal = { .abi_version = XCARP_ABI_VERSION, .error = -EPERM };
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	struct client *client;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) || !may_ask(control, fd, &who)) {
		send(fd, &refusal, sizeof(refusal), MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	client = place_for_client(control);
	client->control = control;
	client->since_ns = now_ns;
	client->pid = (uint32_t)who.pid;
	client->source = (struct loop_source){ .fd = fd, .ready = client_ready, .ctx = client };
	if (!loop_add(control->loop, &client->source))
		return;
	close(fd);
	client->source.fd = -1;
}

static void listening_ready(void *ctx, uint64_t now_ns)
{
	struct control *control = ctx;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = accept4(control->listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_client(control, fd, now_ns);
	}
}

struct control *control_new(struct loop *loop, int listen_fd, gid_t group, const struct control_events *events)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return NULL;
	control->loop = loop;
	control->group = group;
	control->events = events;
	for (int i = 0; i < CLIENTS_MAX; i++)
		control->clients[i].source.fd = -1;
	control->listening = (struct loop_source){ .fd = listen_fd, .ready = listening_ready, .ctx = control };
	err = loop_add(loop, &control->listening);
	if (!err)
		return control;
	free(control);
	errno = -err;
	return NULL;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		drop(&control->clients[i]);
	loop_remove(control->loop, &control->listening);
	free(control);
}
