//! The disk that can be filled, in a namespace as well: what it offers where mounting is not permitted.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::io::ErrorKind;
use strongroom_testkit::SmallDisk;

fn ends_where_it_says(disk: &SmallDisk) {
    let dir = disk.path();
    std::fs::write(dir.join("kept"), [7; 4096]).unwrap();
    disk.leave_free(64 << 10);
    let refused = std::fs::write(dir.join("more"), vec![1; 1 << 20]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    assert_eq!(std::fs::read(dir.join("kept")).unwrap(), [7; 4096]);
    disk.free_all();
    std::fs::write(dir.join("more"), vec![1; 1 << 20]).unwrap();
}

#[test]
fn a_disk_that_ends() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    ends_where_it_says(&disk);
}

#[test]
fn a_disk_that_ends_in_a_namespace() {
    match SmallDisk::mount_in_namespace(4) {
        Ok(disk) => {
            ends_where_it_says(&disk);
            let path = disk.path().to_owned();
            drop(disk);
            assert!(!path.exists(), "it goes with what kept it");
        }
        Err(why) => println!("skipped, no namespaces here: {why}"),
    }
}
