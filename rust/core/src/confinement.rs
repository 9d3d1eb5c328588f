//! Confines this process for good: Landlock for files and the network, seccomp for system calls. To be called before V8 starts.
//!
//! Both hold for the calling thread and the threads that it starts from then on, so a process calls this while it has one.

use std::io;
use std::path::PathBuf;

/// What a process keeps.
#[derive(Debug, Clone)]
pub struct Rights {
    /// With Landlock: the files and folders, with all in them, that may be read. No other file may even be opened.
    pub readable: Option<Vec<PathBuf>>,
    /// With seccomp: only the system calls that V8, tokio and Python need to calculate; others fail with `EPERM`.
    pub filter: bool,
    /// May listen on sockets and answer: for an inspector.
    pub listen: bool,
}

/// Takes every other right from this process.
///
/// # Errors
/// The kernel has no Landlock or no seccomp, or a readable path is not there. What was set before the error stays set.
#[cfg(target_os = "linux")]
pub fn confine(rights: &Rights) -> io::Result<()> {
    if let Some(readable) = &rights.readable {
        linux::landlock(readable, rights.listen)?;
    }
    if rights.filter {
        linux::seccomp(rights.listen)?;
    }
    Ok(())
}

/// Takes every other right from this process.
///
/// # Errors
/// Always: this is Linux's.
#[cfg(not(target_os = "linux"))]
pub fn confine(_rights: &Rights) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Landlock and seccomp are Linux's; this system has neither"))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, Scope,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
    };

    /// Rights over files that the oldest supported kernel knows, and those that are refused where the kernel can.
    const LEAST: ABI = ABI::V1;
    const MOST: ABI = ABI::V6;

    fn refused(what: &str, error: impl std::fmt::Display) -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, format!("{what}: {error}"))
    }

    /// Lets this thread read these paths and nothing else; without `listen`, neither bind nor connect TCP sockets.
    pub(super) fn landlock(readable: &[PathBuf], listen: bool) -> io::Result<()> {
        let unsupported = |error| refused("this kernel does not do what landlock=True needs", error);
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(LEAST))
            .map_err(unsupported)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(MOST))
            .map_err(unsupported)?;
        let network = if listen { AccessNet::ConnectTcp.into() } else { AccessNet::from_all(MOST) };
        let mut created = ruleset
            .handle_access(network)
            .and_then(|ruleset| ruleset.scope(Scope::from_all(MOST)))
            .and_then(Ruleset::create)
            .map_err(unsupported)?;
        for path in readable {
            let file = PathFd::new(path).map_err(|error| io::Error::new(io::ErrorKind::NotFound, error.to_string()))?;
            let mut rights = AccessFs::from_read(LEAST);
            rights.remove(AccessFs::Execute);
            if path.is_file() {
                rights.remove(AccessFs::ReadDir);
            }
            created = created.add_rule(PathBeneath::new(file, rights)).map_err(unsupported)?;
        }
        let status = created.restrict_self().map_err(unsupported)?;
        if status.ruleset == RulesetStatus::NotEnforced {
            return Err(refused("this kernel does not do what landlock=True needs", "Landlock is off"));
        }
        Ok(())
    }

    /// Allows this thread the system calls of the lists below.
    pub(super) fn seccomp(listen: bool) -> io::Result<()> {
        let allowed = allowed(listen).map_err(|error| refused("the seccomp filter", error))?;
        // Its arguments are in memory, where no filter sees them: without it, libc uses `clone`. The stricter filter of a call wins.
        let masked = BTreeMap::from([(libc::SYS_clone3, vec![])]);
        apply(masked, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
        // Last: it allows no further filter.
        apply(allowed, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
    }

    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    fn apply(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> io::Result<()> {
        let arch = std::env::consts::ARCH.try_into().map_err(|error| refused("the seccomp filter", error))?;
        let filter = SeccompFilter::new(rules, otherwise, matched, arch).map_err(|error| refused("the seccomp filter", error))?;
        let program: BpfProgram = filter.try_into().map_err(|error| refused("the seccomp filter", error))?;
        apply_filter(&program).map_err(|error| refused("this kernel does not do what seccomp=True needs", error))
    }

    fn only(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
        Ok(vec![SeccompRule::new(vec![condition])?])
    }

    fn allowed(listen: bool) -> Result<Rules, seccompiler::BackendError> {
        let mut rules: Rules = ALWAYS.iter().chain(if listen { LISTENING } else { &[] }).map(|number| (*number, vec![])).collect();
        let reading = |argument| {
            let writes = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u64;
            only(argument, SeccompCmpOp::MaskedEq(writes), 0)
        };
        rules.insert(libc::SYS_openat, reading(2)?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, reading(1)?);
        // Threads, not processes.
        let thread = libc::CLONE_THREAD as u64;
        rules.insert(libc::SYS_clone, only(0, SeccompCmpOp::MaskedEq(thread), thread)?);
        // Signals to itself.
        rules.insert(libc::SYS_tgkill, only(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?);
        // Limits are read, not set.
        let unset = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
        rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![unset])?]);
        let inside = only(0, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?;
        rules.insert(libc::SYS_socketpair, inside);
        Ok(rules)
    }

    /// What calculating needs: memory, threads, clocks, its own descriptors, and reading files.
    const ALWAYS: &[i64] = &[
        // Memory.
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_pkey_alloc,
        libc::SYS_pkey_free,
        libc::SYS_pkey_mprotect,
        // Threads and signals.
        libc::SYS_clone3,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getcpu,
        libc::SYS_prctl,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        // Clocks, randomness, and what a process asks about itself.
        libc::SYS_clock_getres,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getegid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_gettid,
        libc::SYS_gettimeofday,
        libc::SYS_getuid,
        libc::SYS_nanosleep,
        libc::SYS_sysinfo,
        libc::SYS_times,
        libc::SYS_uname,
        // Its descriptors: the socket to the host, and those that wake its own threads.
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_eventfd2,
        libc::SYS_fcntl,
        libc::SYS_getpeername,
        libc::SYS_getsockname,
        libc::SYS_getsockopt,
        libc::SYS_ioctl,
        libc::SYS_pipe2,
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_sendmsg,
        libc::SYS_sendto,
        libc::SYS_shutdown,
        libc::SYS_timerfd_create,
        libc::SYS_timerfd_settime,
        libc::SYS_write,
        libc::SYS_writev,
        // Reading files, where Landlock lets it.
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_fstat,
        libc::SYS_fstatfs,
        libc::SYS_getcwd,
        libc::SYS_getdents64,
        libc::SYS_lseek,
        libc::SYS_newfstatat,
        libc::SYS_pread64,
        libc::SYS_readlinkat,
        libc::SYS_statfs,
        libc::SYS_statx,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_arch_prctl,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_pipe,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_time,
    ];

    /// What a server needs beside that.
    const LISTENING: &[i64] = &[libc::SYS_accept4, libc::SYS_bind, libc::SYS_listen, libc::SYS_setsockopt, libc::SYS_socket];
}
