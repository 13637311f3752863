// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/http.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ctl/format.h"
#include "ctl/http_request.h"

#define CLIENTS_MAX 32
#define CLIENT_NS 5000000000ull /* for a request and its answer */
#define PAGE_NS 1000000000ull /* who asks so soon after another gets the same page */
#define PAUSE_MS 100 /* where no more files can be opened */
#define HOST_LEN 64

/* Pages are megabytes, so all who ask at once share one. */
struct shared_page {
	struct text text;
	unsigned int users;
	uint64_t written_ns;
};

struct client {
	int fd; /* -1: not in use */
	uint64_t until_ns;
	size_t len; /* of the request so far */
	char request[HTTP_REQUEST_MAX];
	struct text answer; /* without the page */
	struct shared_page *page; /* NULL: none is sent */
	size_t sent; /* of both */
};

static bool split(const char *where, char host[HOST_LEN], const char **port)
{
	const char *colon = strrchr(where, ':'), *begin = where, *end = colon;

	/* The C library takes a number modulo 65536. */
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
	    atoi(colon + 1) > UINT16_MAX)
		return false;
	*port = colon + 1;
	if (*begin == '[') {
		begin++;
		if (end == begin || end[-1] != ']')
			return false;
		end--;
	} else if (memchr(begin, ':', (size_t)(end - begin))) {
		return false;
	}
	return end > begin && snprintf(host, HOST_LEN, "%.*s", (int)(end - begin), begin) < HOST_LEN;
}

int http_listen(const char *where, char error[CTL_ERROR_LEN])
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[HOST_LEN];
	const char *port;
	int fd, on = 1, err = 0;

	if (!split(where, host, &port) || getaddrinfo(host, port, &hints, &found)) {
		snprintf(error, CTL_ERROR_LEN, "--listen %.200s: must be an address and a port, 127.0.0.1:9112 or [::1]:9112", where);
		return -EINVAL;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, CLIENTS_MAX)) {
		err = -errno;
		snprintf(error, CTL_ERROR_LEN, "--listen %.200s: %s", where, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(found);
	return err ? err : fd;
}

static void let_go(struct shared_page *shared)
{
	if (!shared || --shared->users)
		return;
	text_free(&shared->text);
	free(shared);
}

/* *fresh is the newest one, and has a user of its own. Returns NULL where none can be had. */
static struct shared_page *get_page(struct shared_page **fresh, const struct http_page *page, uint64_t now_ns)
{
	struct shared_page *shared = *fresh;

	if (!shared || now_ns - shared->written_ns >= PAGE_NS) {
		shared = ctl_realloc(NULL, 1, sizeof(*shared));
		*shared = (struct shared_page){ .users = 1, .written_ns = now_ns };
		if (!page->write(page->ctx, &shared->text)) {
			let_go(shared);
			return NULL;
		}
		let_go(*fresh);
		*fresh = shared;
	}
	shared->users++;
	return shared;
}

static void drop(struct client *client)
{
	close(client->fd);
	let_go(client->page);
	client->page = NULL;
	text_free(&client->answer);
	client->answer = (struct text){ 0 };
	client->fd = -1;
}

static void answer(struct client *client, const char *status, const char *type, size_t body_len)
{
	text_printf(&client->answer,
		    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type,
		    body_len);
}

static void refuse(struct client *client, const char *status, bool is_head)
{
	answer(client, status, "text/plain; charset=utf-8", strlen(status) + 1);
	if (!is_head)
		text_printf(&client->answer, "%s\n", status);
}

static void respond(struct client *client, const struct http_request *request, const struct http_page *page,
		    struct shared_page **fresh)
{
	struct shared_page *shared;

	if (strcmp(request->path, page->path)) {
		refuse(client, "404 Not Found", request->is_head);
	} else if (!(shared = get_page(fresh, page, clock_now_ns(CLOCK_MONOTONIC)))) {
		refuse(client, "503 Service Unavailable", request->is_head);
	} else {
		answer(client, "200 OK", page->type, shared->text.len);
		client->page = shared;
		if (request->is_head) {
			let_go(shared);
			client->page = NULL;
		}
	}
}

static void receive(struct client *client, const struct http_page *page, struct shared_page **fresh)
{
	ssize_t n = recv(client->fd, client->request + client->len, sizeof(client->request) - 1 - client->len, 0);
	struct http_request request;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->len += (size_t)n;
	client->request[client->len] = '\0';
	switch (http_request_read(client->request, client->len, &request)) {
	case HTTP_MORE:
		break;
	case HTTP_FINE:
		respond(client, &request, page, fresh);
		break;
	case HTTP_BAD:
		refuse(client, "400 Bad Request", false);
		break;
	case HTTP_NOT_ALLOWED:
		refuse(client, "405 Method Not Allowed", false);
		break;
	case HTTP_TOO_LARGE:
		refuse(client, "431 Request Header Fields Too Large", false);
		break;
	}
}

static void transmit(struct client *client)
{
	size_t head_len = client->answer.len, page_len = client->page ? client->page->text.len : 0;
	bool in_head = client->sent < head_len;
	size_t at = in_head ? client->sent : client->sent - head_len;
	const char *bytes = in_head ? client->answer.bytes : client->page->text.bytes;
	ssize_t n = send(client->fd, bytes + at, (in_head ? head_len : page_len) - at,
			 MSG_NOSIGNAL | (in_head && page_len ? MSG_MORE : 0));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0)
		client->sent += (size_t)n;
	if (n < 0 || client->sent == head_len + page_len)
		drop(client);
}

/* A free place; or that of who has kept us waiting for a request the longest. NULL: all are being answered. */
static struct client *find_place(struct client *clients)
{
	struct client *slowest = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (clients[i].fd < 0)
			return &clients[i];
		if (!clients[i].answer.len && (!slowest || clients[i].until_ns < slowest->until_ns))
			slowest = &clients[i];
	}
	return slowest;
}

static void take_client(struct client *clients, int listen_fd, uint64_t now_ns)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			poll(NULL, 0, PAUSE_MS);
		return;
	}
	client = find_place(clients);
	if (!client) {
		close(fd);
		return;
	}
	if (client->fd >= 0)
		drop(client);
	client->fd = fd;
	client->until_ns = now_ns + CLIENT_NS;
	client->len = client->sent = 0;
}

int http_serve(int listen_fd, const struct http_page *page)
{
	static struct client clients[CLIENTS_MAX];
	struct shared_page *fresh = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++)
		clients[i].fd = -1;
	for (;;) {
		struct pollfd fds[CLIENTS_MAX + 1];
		uint64_t now_ns = clock_now_ns(CLOCK_MONOTONIC), until_ns = UINT64_MAX;
		int wait_ms;

		for (int i = 0; i < CLIENTS_MAX; i++) {
			if (clients[i].fd >= 0 && clients[i].until_ns <= now_ns)
				drop(&clients[i]);
			if (clients[i].fd >= 0 && clients[i].until_ns < until_ns)
				until_ns = clients[i].until_ns;
			fds[i] = (struct pollfd){ .fd = clients[i].fd, .events = clients[i].answer.len ? POLLOUT : POLLIN };
		}
		/* Who comes when all are being answered waits in the kernel. */
		fds[CLIENTS_MAX] = (struct pollfd){ .fd = find_place(clients) ? listen_fd : -1, .events = POLLIN };
		wait_ms = until_ns == UINT64_MAX ? -1 : (int)((until_ns - now_ns) / 1000000) + 1;
		if (poll(fds, CLIENTS_MAX + 1, wait_ms) < 0 && errno != EINTR)
			return -errno;
		now_ns = clock_now_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < CLIENTS_MAX; i++) {
			if (clients[i].fd < 0 || !fds[i].revents)
				continue;
			if (clients[i].answer.len)
				transmit(&clients[i]);
			else
				receive(&clients[i], page, &fresh);
		}
		if (fds[CLIENTS_MAX].revents)
			take_client(clients, listen_fd, now_ns);
	}
}
