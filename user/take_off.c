// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "take_off.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_S 10
#define FIRST_FREE_FD 3

/* Nobody has to end it: the alarm does, also where whoever started it has gone. */
static void limit_time(void)
{
	sigset_t set;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	alarm(TIME_S);
}

/* Of our files none but the one for the result. */
static void __attribute__((noreturn)) process_main(const struct take_off *take_off, const struct moved *moved, int result_fd)
{
	int result;

	prctl(PR_SET_NAME, "xcarp-moved");
	limit_time();
	if (result_fd != FIRST_FREE_FD)
		dup3(result_fd, FIRST_FREE_FD, O_CLOEXEC);
	close_range(FIRST_FREE_FD + 1, ~0u, 0);
	result = take_off->work(moved);
	_exit(write(FIRST_FREE_FD, &result, sizeof(result)) == sizeof(result) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void ended(void *ctx, uint64_t now_ns)
{
	struct take_off *take_off = ctx;
	siginfo_t info = { 0 };
	int result;

	(void)now_ns;
	if (!waitid(P_PIDFD, (id_t)take_off->process.fd, &info, WEXITED | WNOHANG) && !info.si_pid)
		return;
	if (read(take_off->result_fd, &result, sizeof(result)) != sizeof(result))
		result = -ETIMEDOUT;
	loop_remove(take_off->loop, &take_off->process);
	close(take_off->process.fd);
	close(take_off->result_fd);
	take_off->process.fd = -1;
	take_off->done(result);
}

static int watch(struct take_off *take_off, pid_t pid)
{
	int err;

	take_off->process.fd = (int)syscall(SYS_pidfd_open, pid, 0); /* glibc has it from 2.36 on only */
	err = take_off->process.fd < 0 ? -errno : loop_add(take_off->loop, &take_off->process);
	if (!err)
		return 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (take_off->process.fd >= 0)
		close(take_off->process.fd);
	take_off->process.fd = -1;
	return err;
}

void take_off_init(struct take_off *take_off, struct loop *loop, take_off_work *work, void (*done)(int result))
{
	*take_off = (struct take_off){ .loop = loop, .work = work, .done = done };
	take_off->process = (struct loop_source){ .fd = -1, .ready = ended, .ctx = take_off };
}

int take_off_start(struct take_off *take_off, const struct moved *moved)
{
	int fds[2], err;
	pid_t pid;

	if (take_off->process.fd >= 0)
		return -EBUSY;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	pid = fork();
	if (!pid)
		process_main(take_off, moved, fds[1]);
	err = pid < 0 ? -errno : 0;
	close(fds[1]);
	take_off->result_fd = fds[0];
	err = err ?: watch(take_off, pid);
	if (err)
		close(fds[0]);
	return err;
}
