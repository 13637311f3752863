// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl_sender.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/rtnl_keep.h"
#include "io/thread.h"

#define STACK_SIZE (64 * 1024)
#define LOCK_FILE "/proc/sys/net/ipv4/tcp_fastopen_key" /* any of the namespace that nobody else can open, to hold us up */
#define PIECE_MAX (30 << 10) /* bytes */
#define LOCK_TRIES 500
#define LOCK_RETRY_NS 2000000

struct rtnl_sender {
	struct loop *loop;
	int fd;
	rtnl_sender_done *done;
	void *ctx;
	bool has_thread;
	pthread_t thread;
	int wake_fd; /* an eventfd: there is a batch, or the end */
	struct loop_source finished; /* an eventfd: the batch has been carried out */
	_Atomic(struct rtnl_batch *) at_work; /* the thread's from one to the other; NULL: the end */
	struct rtnl_batch *current; /* the same, to the loop */
	struct rtnl_batch *first; /* that wait */
	struct rtnl_batch *last;
};

/* Carrying out. */

/* Another process of ours, which has it on for its own batch, would turn it off under us. One that is stopped is not waited for. */
static int lock_promoting(void)
{
	static const struct timespec pause = { .tv_nsec = LOCK_RETRY_NS };
	int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB); i++)
		nanosleep(&pause, NULL);
	return fd;
}

static int open_promoting(uint32_t ifindex, int flags)
{
	char name[IF_NAMESIZE], path[64 + IF_NAMESIZE];

	if (!if_indextoname(ifindex, name))
		return -1;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/promote_secondaries", name);
	return open(path, flags | O_CLOEXEC);
}

/* Turns it on and gives the file to turn it off with, or -1 where it may stay as it is. False: it is off, and cannot be turned on. */
static bool promote_secondaries(uint32_t ifindex, int *file)
{
	int fd = open_promoting(ifindex, O_RDWR);
	bool may_write = fd >= 0, is_on;
	char value = '0';

	*file = -1;
	if (!may_write)
		fd = open_promoting(ifindex, O_RDONLY);
	if (fd < 0)
		return false;
	is_on = pread(fd, &value, 1, 0) == 1 && value != '0';
	if (!is_on && may_write && pwrite(fd, "1", 1, 0) == 1) {
		*file = fd;
		return true;
	}
	close(fd);
	return is_on;
}

static bool restore_secondaries(int fd)
{
	bool is_restored;

	if (fd < 0)
		return true;
	is_restored = pwrite(fd, "0", 1, 0) == 1;
	close(fd);
	return is_restored;
}

static int send_whole(int fd, const char *data, size_t len)
{
	return len && send(fd, data, len, 0) < 0 ? -errno : 0;
}

/* In pieces that the socket takes. Where one fails, the others still come: among them is what puts addresses back. */
static int send_pieces(int fd, const struct rtnl_requests *requests)
{
	size_t from = 0, at = 0;
	int first_err = 0, err;

	while (from < requests->len) {
		uint32_t len = at < requests->len ? NLMSG_ALIGN(((const struct nlmsghdr *)(requests->data + at))->nlmsg_len) : 0;

		if (len && at + len - from <= PIECE_MAX) {
			at += len;
			continue;
		}
		err = send_whole(fd, requests->data + from, at - from);
		first_err = first_err ?: err;
		from = at;
	}
	return first_err;
}

static int send_keeping(int fd, struct rtnl_batch *batch, const uint32_t *ifindexes, unsigned int count)
{
	struct rtnl_requests all = { 0 }, after = { 0 };
	int err;

	batch->keep_error = rtnl_keep(batch->data, batch->removals_len, ifindexes, count, &all, &after);
	if (batch->keep_error || !rtnl_requests_put(&all, batch->data, batch->removals_len) ||
	    !rtnl_requests_put(&all, after.data, after.len) ||
	    !rtnl_requests_put(&all, batch->data + batch->removals_len, batch->len - batch->removals_len)) {
		batch->keep_error = batch->keep_error ?: -ENOMEM;
		err = send_whole(fd, batch->data, batch->len);
	} else {
		err = send_pieces(fd, &all);
	}
	free(all.data);
	free(after.data);
	return err;
}

static void carry_out(int fd, struct rtnl_batch *batch)
{
	uint64_t began_ns = loop_now_ns();
	int promoting[RTNL_KEEP_MAX], lock = batch->keep_count ? lock_promoting() : -1;
	uint32_t others[RTNL_KEEP_MAX];
	unsigned int other_count = 0;

	for (unsigned int i = 0; i < batch->keep_count; i++)
		if (!promote_secondaries(batch->keep_ifindexes[i], &promoting[i]))
			others[other_count++] = batch->keep_ifindexes[i];
	if (other_count)
		batch->error = send_keeping(fd, batch, others, other_count);
	else
		batch->error = send_whole(fd, batch->data, batch->len);
	for (unsigned int i = 0; i < batch->keep_count; i++)
		if (!restore_secondaries(promoting[i]))
			batch->left_promoting = batch->keep_ifindexes[i];
	if (lock >= 0)
		close(lock);
	batch->took_ns = loop_now_ns() - began_ns;
}

/* The thread. */

static void wake(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void stay_below(void)
{
	struct sched_param param;

	if (sched_getscheduler(0) != SCHED_FIFO || sched_getparam(0, &param) || param.sched_priority == 1)
		return;
	param.sched_priority--;
	sched_setscheduler(0, SCHED_FIFO, &param);
}

static void *thread_main(void *arg)
{
	struct rtnl_sender *sender = arg;
	struct rtnl_batch *batch;
	uint64_t count;

	pthread_setname_np(pthread_self(), "xcarp-netlink");
	stay_below();
	for (;;) {
		if (read(sender->wake_fd, &count, sizeof(count)) < 0)
			continue;
		batch = atomic_load_explicit(&sender->at_work, memory_order_acquire);
		if (!batch)
			break;
		carry_out(sender->fd, batch);
		atomic_store_explicit(&sender->at_work, NULL, memory_order_release);
		wake(sender->finished.fd);
	}
	return NULL;
}

static void give_next(struct rtnl_sender *sender)
{
	sender->current = sender->first;
	if (!sender->current)
		return;
	sender->first = sender->current->next;
	atomic_store_explicit(&sender->at_work, sender->current, memory_order_release);
	wake(sender->wake_fd);
}

static void take_back(struct rtnl_sender *sender)
{
	struct rtnl_batch *batch = sender->current;
	uint64_t count;

	if (!batch || read(sender->finished.fd, &count, sizeof(count)) != sizeof(count))
		return;
	atomic_load_explicit(&sender->at_work, memory_order_acquire);
	give_next(sender);
	sender->done(sender->ctx, batch);
}

static void finished_ready(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	take_back(ctx);
}

struct rtnl_sender *rtnl_sender_new(struct loop *loop, int fd, rtnl_sender_done *done, void *ctx)
{
	struct rtnl_sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return NULL;
	*sender = (struct rtnl_sender){
		.loop = loop,
		.fd = fd,
		.done = done,
		.ctx = ctx,
		.wake_fd = -1,
		.finished = { .fd = -1, .ready = finished_ready, .ctx = sender },
	};
	return sender;
}

static int open_events(struct rtnl_sender *sender)
{
	sender->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (sender->wake_fd < 0)
		return -errno;
	sender->finished.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return sender->finished.fd < 0 ? -errno : loop_add(sender->loop, &sender->finished);
}

static void close_events(struct rtnl_sender *sender)
{
	if (sender->wake_fd >= 0)
		close(sender->wake_fd);
	if (sender->finished.fd >= 0)
		close(sender->finished.fd);
	sender->wake_fd = sender->finished.fd = -1;
}

int rtnl_sender_start(struct rtnl_sender *sender)
{
	int err = open_events(sender);

	if (!err) {
		err = thread_start(&sender->thread, STACK_SIZE, false, thread_main, sender);
		sender->has_thread = !err;
		if (err)
			loop_remove(sender->loop, &sender->finished);
	}
	if (err)
		close_events(sender);
	return err;
}

void rtnl_sender_free(struct rtnl_sender *sender)
{
	if (!sender)
		return;
	rtnl_sender_finish(sender);
	if (sender->has_thread) {
		loop_remove(sender->loop, &sender->finished);
		wake(sender->wake_fd);
		pthread_join(sender->thread, NULL);
		close_events(sender);
	}
	free(sender);
}

void rtnl_sender_give(struct rtnl_sender *sender, struct rtnl_batch *batch)
{
	if (!sender->has_thread) {
		carry_out(sender->fd, batch);
		sender->done(sender->ctx, batch);
		return;
	}
	batch->next = NULL;
	if (sender->first)
		sender->last->next = batch;
	else
		sender->first = batch;
	sender->last = batch;
	if (!sender->current)
		give_next(sender);
}

bool rtnl_sender_is_busy(const struct rtnl_sender *sender)
{
	return sender->current;
}

void rtnl_sender_finish(struct rtnl_sender *sender)
{
	struct pollfd pollfd = { .fd = sender->finished.fd, .events = POLLIN };

	while (sender->current)
		if (poll(&pollfd, 1, -1) > 0)
			take_back(sender);
}
