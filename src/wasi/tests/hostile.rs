//! A hostile module: every import with bad pointers, huge lengths, bad descriptors and negative numbers.

use std::time::Duration;

use wasmtime::{Val, ValType};

use super::{Lab, PAGES, Puppet};
use crate::base::Errno;
use crate::kernel::{Empty, ExitStatus, Usage};
use crate::wasi::{ExecRequest, ExitRequest, Killed};

/// Calls of each import, by a program with Coquina's C library and by one without.
const ROUNDS: u32 = 250;

/// Longest that a call of this test may take; one that waits for something that never comes is given up.
const PATIENCE: Duration = Duration::from_millis(5);

/// End of memory.
const END: i32 = (PAGES * 65536) as i32;

/// A small generator of pseudo-random numbers (xorshift): the test is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.roll() % from.len() as u64) as usize]
    }
}

/// Numbers that break careless code: borders of types, of memory and of tables, and some that are good, so that calls get past their first check.
const WORDS: &[i32] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    16,
    17,
    24,
    48,
    64,
    112,
    255,
    256,
    1023,
    1024,
    1025,
    4095,
    4096,
    4097,
    65535,
    65536,
    -1,
    -2,
    -3,
    -8,
    -65536,
    i32::MIN,
    i32::MAX,
    i32::MIN + 1,
    i32::MAX - 7,
    END,
    END - 1,
    END - 4,
    END - 7,
    END - 8,
    END - 24,
    END - 64,
    END + 1,
    0x0400_0000,
    0x1400_0000,
    0x2000_1000,
    IOVECS,
    PATHS,
    PATHS + 8,
    STRINGS,
    SUBSCRIPTIONS,
    ATTRS,
];

const LONGS: &[i64] =
    &[0, 1, 2, 3, 64, 255, 4096, 1 << 20, 1 << 31, 1 << 32, 1 << 40, -1, -2, i64::MIN, i64::MAX, i64::MIN + 1];

/// Where the hostile structures lie.
const IOVECS: i32 = 0x100;
const PATHS: i32 = 0x200;
const STRINGS: i32 = 0x300;
const SUBSCRIPTIONS: i32 = 0x400;
const ATTRS: i32 = 0x700;

/// Lays out structures that point where they should not: at themselves, at each other, over the end of memory.
fn prepare(puppet: &mut Puppet<'_>) {
    let word = |value: i32| value.to_le_bytes();
    let iovecs: [(i32, i32); 8] =
        [(IOVECS, 64), (IOVECS + 8, 64), (0, END), (IOVECS, 64), (END - 4, 4), (-1, 1), (0, -1), (END, 1)];
    for (n, (ptr, len)) in iovecs.into_iter().enumerate() {
        puppet.poke(IOVECS as u32 + 8 * n as u32, &[word(ptr), word(len)].concat());
    }
    puppet.poke(PATHS as u32, b"../../././tmp/../x\0/bin/other//////");
    puppet.poke(STRINGS as u32, b"one\0two\0\0PATH=/bin\0unterminated");
    for n in 0..8 {
        let mut subscription = [0; 48];
        subscription[0] = n as u8;
        subscription[8] = n as u8;
        subscription[16..20].copy_from_slice(&word(WORDS[n * 5]));
        subscription[24..32].copy_from_slice(&LONGS[n].to_le_bytes());
        subscription[40] = n as u8 / 3;
        puppet.poke(SUBSCRIPTIONS as u32 + 48 * n as u32, &subscription);
    }
    let attr = [1, 0, PATHS, 8, STRINGS, -1, 0, 0, 0, 0, 0, 0];
    puppet.poke(ATTRS as u32, &attr.map(word).concat());
}

fn arguments(dice: &mut Dice, types: &[ValType]) -> Vec<Val> {
    let argument = |kind: &ValType| match kind {
        ValType::I64 => Val::I64(dice.pick(LONGS)),
        _ => Val::I32(dice.pick(WORDS)),
    };
    types.iter().map(argument).collect()
}

/// What a call may come to: an answer in range, or one of the ways to end a program on purpose.
fn check(import: &str, args: &[Val], called: wasmtime::Result<i32>) -> bool {
    match called {
        Ok(answer) if import.starts_with("wasi") => {
            assert!((0..=Errno::NotCapable.raw().into()).contains(&answer), "{import} {args:?}: {answer}");
            true
        }
        Ok(answer) => {
            assert!(answer >= -i32::from(Errno::NotCapable.raw()), "{import} {args:?}: {answer}");
            true
        }
        Err(error) => {
            assert!(
                error.is::<ExitRequest>() || error.is::<ExecRequest>() || error.is::<Killed>(),
                "{import} {args:?}: {error:?}"
            );
            false
        }
    }
}

/// Ends every process there is, so that the next round starts in an empty kernel.
fn clear(lab: &Lab, puppet: Puppet<'_>) {
    let pid = puppet.store.data().pid;
    drop(puppet.store);
    let mut kernel = lab.kernel.lock().unwrap();
    kernel.exited(pid, ExitStatus::Code(0), Usage::default());
    let launched: Vec<_> = lab.launched.0.lock().unwrap().drain(..).collect();
    for request in launched {
        kernel.exited(request.pid, ExitStatus::Code(0), Usage::default());
    }
}

fn fresh(lab: &Lab, legacy: bool) -> Puppet<'_> {
    lab.start_with(Box::new(Empty));
    let mut puppet = lab.next_puppet(legacy, None);
    prepare(&mut puppet);
    puppet
}

/// Calls every import with [`ROUNDS`] sets of arguments.
fn torment(lab: &Lab, legacy: bool, dice: &mut Dice) {
    let imports = lab.module.imports().map(|i| format!("{}.{}", i.module(), i.name()));
    let mut puppet = fresh(lab, legacy);
    for import in imports {
        for _ in 0..ROUNDS {
            let types: Vec<ValType> = puppet.func(&import).ty(&puppet.store).params().collect();
            let args = arguments(dice, &types);
            let usable = match puppet.raw_within(&import, &args, PATIENCE) {
                Some(called) => check(&import, &args, called),
                None => false,
            };
            // A puppet that ended, waits for ever, or lent its memory to a child is replaced.
            if !usable || puppet.store.data().pid != puppet.pid {
                clear(lab, puppet);
                puppet = fresh(lab, legacy);
            }
        }
        prepare(&mut puppet);
    }
    clear(lab, puppet);
}

#[test]
fn no_call_traps_whatever_it_is_given() {
    let lab = Lab::new();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    torment(&lab, false, &mut dice);
    torment(&lab, true, &mut dice);

    // Afterwards the kernel is as good as new.
    lab.stdout.take();
    let mut puppet = lab.puppet();
    assert_eq!(puppet.write(1, &[b"still ", b"here"]), Ok(10));
    assert_eq!(lab.stdout.take(), b"still here");
}

#[test]
fn a_bad_pointer_is_fault() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let fault = i32::from(Errno::Fault.raw());
    for ptr in [END, END - 1, -1, -4] {
        assert_eq!(puppet.p1("random_get", super::args![ptr, 8]), fault);
        assert_eq!(puppet.p1("clock_time_get", super::args![0, 0_i64, ptr]), fault);
        assert_eq!(puppet.p1("args_get", super::args![0, ptr]), fault);
        assert_eq!(puppet.p1("fd_write", super::args![1, ptr, 1, 0]), fault);
        assert_eq!(puppet.p1("path_unlink_file", super::args![-2, ptr, 9]), fault);
        assert_eq!(puppet.p1("poll_oneoff", super::args![ptr, 0, 1, 0]), fault);
        assert_eq!(puppet.cq("stat", super::args![-2, 0, 0, 0, ptr]), -fault);
        assert_eq!(puppet.cq("pipe", super::args![ptr, 0]), -fault);
        assert_eq!(puppet.cq("getids", super::args![ptr]), -fault);
    }
    // Nothing was opened for a pipe whose descriptors could not be told.
    assert_eq!(puppet.cq("dup", super::args![0, 0, 0]), 3);
}

#[test]
fn huge_lengths_are_refused_before_anything_is_allocated() {
    let lab = Lab::new();
    let mut puppet = fresh(&lab, false);
    puppet.poke(PATHS as u32, b"/bin/other");
    let errno = |errno: Errno| i32::from(errno.raw());
    assert_eq!(puppet.p1("path_unlink_file", super::args![-2, 0, -1]), errno(Errno::NameTooLong));
    assert_eq!(puppet.p1("fd_write", super::args![1, 0, -1, 0]), errno(Errno::Inval));
    assert_eq!(puppet.p1("poll_oneoff", super::args![0, 0, -1, 0]), errno(Errno::Inval));
    assert_eq!(puppet.p1("random_get", super::args![0, -1]), errno(Errno::Fault));
    assert_eq!(puppet.cq("keep", super::args![0, -1]), -errno(Errno::TooBig));
    let spawn = super::args![PATHS, 10, 0, -1, 0, 0, 0, 0, 0];
    assert_eq!(puppet.cq("spawn", spawn), -errno(Errno::TooBig));
    let actions = super::args![PATHS, 10, 0, 0, 0, 0, 0, -1, 0];
    assert_eq!(puppet.cq("spawn", actions), -errno(Errno::TooBig));
}

#[test]
fn the_work_of_calls_is_charged_and_shared() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    let before = puppet.store.get_fuel().unwrap();
    // A hundred million bytes: the guest itself does next to nothing.
    for _ in 0..512 {
        assert_eq!(puppet.p1("random_get", super::args![0x1000, 0x3_0000]), 0);
    }
    let used = before - puppet.store.get_fuel().unwrap();
    assert!(used > 90_000_000, "{used}");
    assert!(puppet.store.data().pace.take_stepped_aside().is_some_and(|settled| settled > 90_000_000));
    // Small calls add up too, and are there to be booked in the end.
    let before = puppet.store.data().host_fuel;
    puppet.cq("getpid", super::args![]);
    assert!(puppet.store.data().host_fuel > before);
}

#[test]
fn a_program_that_has_used_up_its_fuel_by_calls_ends() {
    let lab = Lab::new();
    let mut puppet = lab.puppet();
    puppet.store.set_fuel(10_000_000).unwrap();
    let outcome =
        (0..512).find_map(|_| puppet.raw("wasi_snapshot_preview1.random_get", super::args![0x1000, 0x3_0000]).err());
    let error = outcome.expect("it ran on");
    assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::OutOfFuel));
}
